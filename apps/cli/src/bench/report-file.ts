import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { MultifdError } from '@multifd/core';
import { tryOutput } from '../images/place.js';
import { quote } from '../options/sizes.js';
import { benchPage } from '../report/bench-page.js';
import { pathError } from '../system-error.js';
import { type Samples, writeSamples } from './samples-file.js';

/** Before anything is measured. @throws MultifdError `usage`, `io` if the report could not be written there. */
export function prepareReport(file: string): void {
  tryOutput(`--report ${quote(file)}`, file);
}

/**
 * Writes the page. Samples that nothing else keeps go to the temporary folder if that fails: taking them again may take hours.
 * @param kept the file that has the samples already, if any.
 * @returns the error, which says where the samples are; undefined if it is written.
 */
export function writeReport(
  file: string,
  samples: Samples,
  kept: string | undefined,
): MultifdError | undefined {
  try {
    writeFileSync(file, benchPage(samples));
    return undefined;
  } catch (cause) {
    const { message } = pathError(cause, `--report ${quote(file)}: cannot be written to`);
    return new MultifdError('io', message, { cause, hint: whereSamplesAre(kept ?? keep(samples)) });
  }
}

function whereSamplesAre(kept: string | undefined): string {
  if (kept === undefined)
    return 'the figures are on standard output; with --samples FILE the samples are kept';
  return `the samples are in ${quote(kept)}: multifd bench --from with that file, and --report with another, needs no new ones`;
}

/** @returns the new file; undefined if there is no place for it either. */
function keep(samples: Samples): string | undefined {
  try {
    const file = join(mkdtempSync(join(tmpdir(), 'multifd-bench-')), 'samples.jsonl');
    writeSamples(file, samples);
    return file;
  } catch {
    // The error at hand says what is wrong.
    return undefined;
  }
}
