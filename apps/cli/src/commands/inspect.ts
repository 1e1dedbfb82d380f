import { explainFile, type Inspection } from '@multifd/qemu';
import { EXIT, type ExitCode, exitCodeOf } from '../exit-codes.js';
import { findFile, usersMistake } from '../images/file-source.js';
import { startNodeThreads } from '../node-threads.js';
import { formatError } from '../report/errors.js';
import { inspectDocument } from '../report/inspect-document.js';
import { inspectText } from '../report/inspect-text.js';

/** `multifd inspect`: says what is in a migration file. RAM pages are not read. */
export async function inspectCommand(file: string, options: { readonly json?: true }): Promise<ExitCode> {
  // As it stands in the other commands.
  const place = file.startsWith('file:') ? file.slice(5) : file;
  let inspection: Inspection | undefined;
  let error: unknown;
  try {
    inspection = await explain(place);
  } catch (caught) {
    error = caught;
  }
  if (options.json) {
    process.stdout.write(`${JSON.stringify(inspectDocument(place, inspection, error), null, 2)}\n`);
  } else if (inspection !== undefined) {
    process.stdout.write(inspectText(place, inspection));
  }
  if (inspection !== undefined) return EXIT.done;
  process.stderr.write(formatError(error));
  return exitCodeOf(error);
}

async function explain(place: string): Promise<Inspection> {
  const { path, offset } = findFile(place);
  // Unpacking is done by Node's threads.
  startNodeThreads();
  try {
    return await explainFile(path, offset === undefined ? {} : { offset });
  } catch (error) {
    throw usersMistake(path, error);
  }
}
