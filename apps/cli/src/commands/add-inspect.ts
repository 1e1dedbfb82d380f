import type { Command } from '@commander-js/extra-typings';
import { MultifdError } from '@multifd/core';
import type { ExitCode } from '../exit-codes.js';
import { INSPECT_HELP } from '../help.js';

/** The options of `multifd inspect`. What it does is loaded when it is asked for. */
export function addInspect(program: Command, ended: (code: ExitCode) => void): void {
  program
    .command('inspect')
    .summary('show what a migration file contains, or what differs between two')
    .description('Show what a migration file contains: RAM blocks, sections, and the decoded device state')
    .argument('<file>', 'a migration file of QEMU, libvirt or `multifd receive`')
    .argument('[now]', 'with --diff: the same guest later')
    .option('--diff', 'show what differs between two guests: pages of RAM, and fields of devices')
    .option('--picture <file>', 'with --diff: draw a map of memory, as SVG')
    .option('--json', 'print one JSON document on stdout, complete')
    .addHelpText('after', INSPECT_HELP)
    .action(async (file, now, options) => {
      if (options.diff) {
        ended(await (await import('./inspect-diff.js')).diffCommand(file, now, options));
        return;
      }
      const alone = now === undefined ? options.picture && '--picture' : `${JSON.stringify(now)}`;
      if (alone)
        throw new MultifdError('usage', `${alone}: only with --diff`, {
          hint: 'as in multifd inspect --diff before.mig now.mig',
        });
      ended(await (await import('./inspect.js')).inspectCommand(file, options));
    });
}
