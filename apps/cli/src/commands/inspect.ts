import { type Inspection, inspectFile } from '@multifd/qemu';
import { EXIT, type ExitCode, exitCodeOf } from '../exit-codes.js';
import { readingFile } from '../images/file-source.js';
import { formatError } from '../report/errors.js';
import { inspectDocument } from '../report/inspect-document.js';
import { inspectText } from '../report/inspect-text.js';

/** `multifd inspect`: says what is in a migration file. RAM pages are not read. */
export function inspectCommand(file: string, options: { readonly json?: true }): ExitCode {
  // As it stands in the other commands.
  const path = file.startsWith('file:') ? file.slice(5) : file;
  let inspection: Inspection | undefined;
  let error: unknown;
  try {
    inspection = readingFile(path, () => inspectFile(path));
  } catch (caught) {
    error = caught;
  }
  if (options.json) {
    process.stdout.write(`${JSON.stringify(inspectDocument(path, inspection, error), null, 2)}\n`);
  } else if (inspection !== undefined) {
    process.stdout.write(inspectText(path, inspection));
  }
  if (inspection !== undefined) return EXIT.done;
  process.stderr.write(formatError(error));
  return exitCodeOf(error);
}
