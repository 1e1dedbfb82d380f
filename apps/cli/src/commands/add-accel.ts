import type { Command } from '@commander-js/extra-typings';
import type { ExitCode } from '../exit-codes.js';
import { ACCEL_HELP } from '../help.js';
import { addHelp } from '../help-command.js';
import { parseWhole } from '../options/sizes.js';

/** The options of `multifd accel`. What it does is loaded when it is asked for. */
export function addAccel(program: Command, ended: (code: ExitCode) => void): void {
  const accel = program
    .command('accel')
    .summary('list and measure what can find zero pages on this machine')
    .description(
      'Accelerators, which find zero pages: which of them this machine can use, and how fast each is',
    )
    .helpCommand(false)
    .exitOverride()
    .addHelpText('after', ACCEL_HELP);
  accel
    .command('list')
    .description('List the known accelerators: whether each can run here, and if not, why and what to do')
    .option(
      '--accel <module>',
      'also list this module, given by path or package name, or MODULE:NAME for one of its accelerators',
    )
    .option('--json', 'print one JSON document on stdout and nothing else')
    .action(async (options) => ended(await (await import('./accel.js')).accelListCommand(options)));
  accel
    .command('bench')
    .description(
      'Measure the GB/s of one thread on zero, mixed and full memory, in and out of cache, and of plain reading',
    )
    .option(
      '--accel <name>',
      'measure this one in batches of several sizes, with and without transfers to its device, beside the best of the CPU: a name, or a module by path or package name',
    )
    .option('--batch <n>', 'with --accel: batches of this many pages only', (text) =>
      parseWhole(text, '--batch', 1, 2 ** 20),
    )
    .option('--samples <n>', 'samples of each measurement (default: 7)', (text) =>
      parseWhole(text, '--samples', 1, 1000),
    )
    .option('--json', 'print one JSON document on stdout and nothing else')
    .action(async (options) => ended(await (await import('./accel.js')).accelBenchCommand(options)));
  addHelp(accel);
}
