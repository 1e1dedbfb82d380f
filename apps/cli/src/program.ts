import { Command } from '@commander-js/extra-typings';
import { addAccel } from './commands/add-accel.js';
import { addBench } from './commands/add-bench.js';
import { addConvert } from './commands/add-convert.js';
import { addInspect } from './commands/add-inspect.js';
import { addMigrate } from './commands/add-migrate.js';
import { addReceive } from './commands/add-receive.js';
import { addRelay } from './commands/add-relay.js';
import { addStore } from './commands/add-store.js';
import { addTls } from './commands/add-tls.js';
import { addCompletion } from './completion/commands.js';
import type { ExitCode } from './exit-codes.js';
import { ROOT_HELP } from './help.js';
import { addHelp } from './help-command.js';
import { version } from './version.js';

/**
 * What a command does is loaded when it is asked for: the others start without it.
 * @param args the command line, for errors that name options as they were typed.
 * @param ended gets how the command ended.
 */
export function buildProgram(args: readonly string[], ended: (code: ExitCode) => void): Command {
  // In a clone it takes git a moment.
  const isAsked = args.includes('--version') || args.includes('-V');
  const program = new Command('multifd')
    .description("Live migration of guest memory over parallel channels, wire-compatible with QEMU's multifd")
    .version(isAsked ? version() : '', '-V, --version', 'show the version')
    .helpCommand(false)
    .exitOverride()
    // Errors are told in one place, in one shape, with suggestions of our own: see main.ts.
    .showSuggestionAfterError(false)
    .configureOutput({ outputError: () => {}, getOutHelpWidth: () => 110 })
    .addHelpText('after', ROOT_HELP);
  addMigrate(program, args, ended);
  addReceive(program, args, ended);
  addRelay(program, args, ended);
  addConvert(program, ended);
  addInspect(program, ended);
  addStore(program, ended);
  addTls(program, ended);
  addAccel(program, ended);
  addBench(program, ended);
  addCompletion(program);
  addHelp(program);
  return program;
}
