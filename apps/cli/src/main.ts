import { MultifdError } from '@multifd/core';
import { CommanderError } from 'commander';
import { EXIT, type ExitCode, exitCodeOf } from './exit-codes.js';
import { buildProgram } from './program.js';
import { formatError } from './report/errors.js';
import { inspectDocument } from './report/inspect-document.js';
import { migrateDocument, newFacts } from './report/migrate-document.js';
import { outliveOutputErrors } from './report/output-errors.js';
import { receiveDocument } from './report/receive-document.js';
import { relayDocument } from './report/relay-document.js';

const args = process.argv.slice(2);
// The event loop is empty, and what was written has left. Left to itself, Node now puts signals back to their defaults and
// takes tens of ms to end: one that comes then would make the exit code 130, whatever has become of the guest.
process.once('beforeExit', () => process.exit());
outliveOutputErrors(args[0] === 'inspect' || args[0] === 'accel');
try {
  // exitCode and not exit(): what was written to a pipe must still leave.
  await buildProgram((code) => {
    process.exitCode = code;
  }).parseAsync(args, { from: 'user' });
} catch (error) {
  process.exitCode = refuse(error);
}

/** A command line that was not understood, or an error that nobody expected. */
function refuse(caught: unknown): ExitCode {
  if (caught instanceof CommanderError && caught.exitCode === 0) return EXIT.done;
  // Without a command the help has been shown instead.
  if (caught instanceof CommanderError && caught.code === 'commander.help') return EXIT.usage;
  const error = caught instanceof CommanderError ? usageError(caught) : caught;
  if (args.includes('--json')) {
    const document = failedDocument(error);
    process.stdout.write(`${JSON.stringify(document, null, 2)}\n`);
  }
  process.stderr.write(formatError(error));
  return exitCodeOf(error);
}

function failedDocument(error: unknown) {
  if (args[0] === 'receive') return receiveDocument({ listen: null, target: null }, error);
  if (args[0] === 'relay') return relayDocument({ listen: null, destination: null }, error);
  if (args[0] === 'inspect') return inspectDocument(null, undefined, error);
  return migrateDocument(newFacts(null, null), error);
}

/** Commander says `error: WHAT`, and in a second line what it thinks was meant. */
function usageError(error: CommanderError): MultifdError {
  const [what = '', meant = ''] = error.message.replace(/^error: /, '').split('\n');
  const command =
    args[0] !== undefined && ['migrate', 'receive', 'relay', 'inspect'].includes(args[0])
      ? ` ${args[0]}`
      : '';
  const hint = meant === '' ? `multifd${command} --help shows what there is` : meant.replace(/^\(|\)$/g, '');
  return new MultifdError('usage', what, { hint });
}
