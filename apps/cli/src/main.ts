import { MultifdError, shortageOf } from '@multifd/core';
import { CommanderError } from 'commander';
import { EXIT, type ExitCode, exitCodeOf } from './exit-codes.js';
import { buildProgram } from './program.js';
import { formatError } from './report/errors.js';
import { outliveOutputErrors } from './report/output-errors.js';
import { usageError } from './usage-error.js';

const args = process.argv.slice(2);
// The event loop is empty, and what was written has left. Left to itself, Node now puts signals back to their defaults and
// takes tens of ms to end: one that comes then would make the exit code 130, whatever has become of the guest.
process.once('beforeExit', () => process.exit());
outliveOutputErrors(!['migrate', 'receive', 'relay'].includes(args[0] ?? ''));
const program = buildProgram(args, (code) => {
  process.exitCode = code;
});
try {
  checkWorkingDirectory();
  // exitCode and not exit(): what was written to a pipe must still leave.
  await program.parseAsync(args, { from: 'user' });
} catch (error) {
  process.exitCode = await refuse(error);
}

/** Relative paths are read from there, and Node starts no thread without it. @throws MultifdError `usage` */
function checkWorkingDirectory(): void {
  try {
    process.cwd();
  } catch (cause) {
    const shortage = shortageOf(cause);
    if (shortage === undefined) throw cause;
    throw new MultifdError('usage', shortage.what, { cause, hint: shortage.hint });
  }
}

/** A command line that was not understood, or an error that nobody expected. */
async function refuse(caught: unknown): Promise<ExitCode> {
  if (caught instanceof CommanderError && caught.exitCode === 0) return EXIT.done;
  // Without a command the help has been shown instead.
  if (caught instanceof CommanderError && caught.code === 'commander.help') return EXIT.usage;
  const error = caught instanceof CommanderError ? usageError(caught, program, args) : caught;
  if (args.includes('--json')) {
    const { failedDocument } = await import('./report/failed-document.js');
    process.stdout.write(`${JSON.stringify(failedDocument(args, error), null, 2)}\n`);
  }
  process.stderr.write(formatError(error));
  return exitCodeOf(error);
}
