import type { Command } from '@commander-js/extra-typings';
import type { ExitCode } from '../exit-codes.js';
import { CONVERT_HELP } from '../help.js';
import { machineType } from '../options/option-list.js';
import { ramBlocks } from '../options/ram-blocks.js';

/** The options of `multifd convert`. What it does is loaded when it is asked for. */
export function addConvert(program: Command, ended: (code: ExitCode) => void): void {
  program
    .command('convert')
    .summary('make a dump for debuggers of a stored guest')
    .description(
      'Make a dump that crash, drgn, volatility3 and gdb read, of a guest that is stored in a file',
    )
    .argument('<source>', 'a migration file, or RAM images')
    .argument('<target>', 'core:FILE')
    .addOption(machineType('raw: the machine that the images are of (default: as noted in multifd.json)'))
    .addOption(ramBlocks())
    .option('--force', 'replace an existing file once the new one is complete')
    .option('--json', 'print one JSON document on stdout and nothing else')
    .addHelpText('after', CONVERT_HELP)
    .action(async (source, target, options) =>
      ended(await (await import('./convert.js')).convertCommand(source, target, options)),
    );
}
