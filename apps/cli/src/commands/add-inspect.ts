import type { Command } from '@commander-js/extra-typings';
import type { ExitCode } from '../exit-codes.js';
import { INSPECT_HELP } from '../help.js';

/** The options of `multifd inspect`. What it does is loaded when it is asked for. */
export function addInspect(program: Command, ended: (code: ExitCode) => void): void {
  program
    .command('inspect')
    .summary('show what a migration file contains')
    .description('Show what a migration file contains: RAM blocks, sections, and the decoded device state')
    .argument('<file>', 'a migration file of QEMU, libvirt or `multifd receive`')
    .option('--json', 'print one JSON document on stdout, complete')
    .addHelpText('after', INSPECT_HELP)
    .action(async (file, options) =>
      ended(await (await import('./inspect.js')).inspectCommand(file, options)),
    );
}
