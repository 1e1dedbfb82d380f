import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { MultifdError } from '@multifd/core';
import { isRecord } from '../guards.js';
import { tryPlace } from '../images/place.js';
import { quote } from '../options/sizes.js';
import { pathError } from '../system-error.js';
import { type Environment, isSameMachine } from './environment.js';
import { nameOf } from './rows.js';
import type { Series } from './sample.js';
import { isEnvironment, isSeries } from './samples-shape.js';

/** What this version writes and reads. */
const FORMAT = 'multifd bench 1';

/** Samples of one machine. */
export interface Samples {
  /** Of the latest run. */
  readonly environment: Environment;
  readonly series: readonly Series[];
}

/**
 * Samples as JSON lines: the first line says on what they were taken, each further one has those of one contender in one
 * row.
 * @throws MultifdError `usage` if the file is not there, or is no such file.
 */
export function readSamples(file: string): Samples {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (cause) {
    throw pathError(cause, `cannot read samples from ${quote(file)}`);
  }
  const [head, ...lines] = text.split('\n').filter((line) => line !== '');
  const first = parse(head ?? '');
  if (!isRecord(first) || first.format !== FORMAT || !isEnvironment(first.environment)) {
    throw new MultifdError(
      'usage',
      `${quote(file)} holds no samples: its first line is not that of ${FORMAT}`,
      {
        hint: 'multifd bench --samples FILE writes such a file',
      },
    );
  }
  const series = lines.map((line, index) => {
    const value = parse(line);
    if (isSeries(value)) return value;
    throw new MultifdError('usage', `${quote(file)}, line ${index + 2}: these are no samples`);
  });
  return { environment: first.environment, series };
}

/**
 * What a run is going to add to.
 * @returns undefined: the file is not there yet.
 * @throws MultifdError `usage` if it holds something else, or another machine's samples.
 */
export function samplesToKeep(file: string, here: Environment): Samples | undefined {
  if (!existsSync(file)) return undefined;
  const before = readSamples(file);
  if (isSameMachine(before.environment, here)) return before;
  throw new MultifdError('usage', `${quote(file)} holds samples of another machine`, {
    hint: 'give another file to --samples',
  });
}

/** Before anything is measured. @throws MultifdError `usage`, `io` if samples could not be written there. */
export function prepareSamples(file: string): void {
  const what = `--samples ${quote(file)}`;
  try {
    mkdirSync(dirname(file), { recursive: true });
  } catch (cause) {
    throw MultifdError.from(cause, 'usage', `${what}: cannot make its folder`);
  }
  tryPlace(what, dirname(file));
}

/**
 * Samples with further ones, which replace those of the same row: contenders that were not measured in the same run are not
 * to be compared. The order stays.
 */
export function withSeries(before: readonly Series[], added: readonly Series[]): Series[] {
  const key = ({ row }: Series) => `${row.size} ${nameOf(row)}`;
  const rows = Map.groupBy(added, key);
  const merged = before.flatMap((each) => {
    const name = key(each);
    const found = rows.get(name);
    if (found === undefined) return each;
    // Once, where the row was.
    rows.set(name, []);
    return found;
  });
  return [...merged, ...[...rows.values()].flat()];
}

/** @throws MultifdError `io`. */
export function writeSamples(file: string, { environment, series }: Samples): void {
  const lines = [{ format: FORMAT, environment }, ...series].map((line) => `${JSON.stringify(line)}\n`);
  try {
    // What was there stays until all of it is written.
    const next = `${file}.new`;
    writeFileSync(next, lines.join(''));
    renameSync(next, file);
  } catch (cause) {
    throw MultifdError.from(cause, 'io', `cannot write samples to ${quote(file)}`);
  }
}

function parse(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}
