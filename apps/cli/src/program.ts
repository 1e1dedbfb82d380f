import { Command, Option } from '@commander-js/extra-typings';
import { accelBenchCommand, accelListCommand } from './commands/accel.js';
import { inspectCommand } from './commands/inspect.js';
import { migrateCommand } from './commands/migrate.js';
import { receiveCommand } from './commands/receive.js';
import { relayCommand } from './commands/relay.js';
import type { ExitCode } from './exit-codes.js';
import { ACCEL_HELP, INSPECT_HELP, MIGRATE_HELP, RECEIVE_HELP, RELAY_HELP, ROOT_HELP } from './help.js';
import { parseMaxRam } from './options/max-ram.js';
import {
  accel,
  accelSource,
  channels,
  completionTimeout,
  compression,
  host,
  idleTimeout,
  incomingSetupTimeout,
  machineCompat,
  machineType,
  maxBandwidth,
  multifdSetting,
  setupTimeout,
  stallTimeout,
  uuid,
  zeroPageDetection,
  zlibLevel,
  zstdLevel,
} from './options/option-list.js';
import { parseWhole } from './options/sizes.js';
import { version } from './version.js';

/** @param ended gets how the command ended. */
export function buildProgram(ended: (code: ExitCode) => void): Command {
  const program = new Command('multifd')
    .description("Live migration of guest memory over parallel channels, wire-compatible with QEMU's multifd")
    .version(version(), '-V, --version')
    .helpCommand(false)
    .exitOverride()
    // Errors are told in one place, in one shape: see main.ts.
    .configureOutput({ outputError: () => {}, getOutHelpWidth: () => 110 })
    .addHelpText('after', ROOT_HELP);
  addMigrate(program, ended);
  addReceive(program, ended);
  addRelay(program, ended);
  addInspect(program, ended);
  addAccel(program, ended);
  return program;
}

function addAccel(program: Command, ended: (code: ExitCode) => void): void {
  const accel = program
    .command('accel')
    .summary('what can check for zero pages here, and how fast')
    .description('What this machine can use to find zero pages, what not and why, and how fast each is')
    .helpCommand(false)
    .exitOverride()
    .addHelpText('after', ACCEL_HELP);
  accel
    .command('list')
    .description('Every accelerator that is known here: whether it can run, and if not, why and what to do')
    .option('--accel <module>', 'list a module by path or package name as well')
    .option('--json', 'print one JSON document on stdout, and nothing else there')
    .action(async (options) => ended(await accelListCommand(options)));
  accel
    .command('bench')
    .description(
      'GB/s of one thread over zero, mixed and full memory, in cache and out, beside plain reading',
    )
    .option(
      '--accel <name>',
      'measure this one alone, beside native: a name, or a module by path or package name; for a device also without the way there and back, and in batches of every size',
    )
    .option('--samples <n>', 'samples of each (default: 7)', (text) => parseWhole(text, '--samples', 1, 1000))
    .option('--json', 'print one JSON document on stdout, and nothing else there')
    .action(async (options) => ended(await accelBenchCommand(options)));
}

function addMigrate(program: Command, ended: (code: ExitCode) => void): void {
  program
    .command('migrate')
    .summary('move a guest to another process')
    .description("Move a guest's memory to another process, on this machine or another")
    .argument('[source]', 'what is to move', 'demo:1G')
    .argument('[destination]', 'where to', 'loopback')
    .addOption(channels())
    .addOption(zeroPageDetection())
    .addOption(compression())
    .addOption(zlibLevel())
    .addOption(zstdLevel())
    .addOption(multifdSetting())
    .addOption(maxBandwidth())
    .option('--downtime-limit <ms>', 'how long the guest may stand still at the end (default: 300)', (text) =>
      parseWhole(text, '--downtime-limit', 0, 2_000_000),
    )
    .addOption(accel())
    .addOption(host())
    .addOption(machineCompat())
    .addOption(machineType('machine type to announce (default: none)'))
    .addOption(uuid())
    .option('--verify', 'compare both sides byte for byte afterwards (default for demo: and for loopback)')
    .option('--no-verify', 'do not, as for a peer that is a QEMU')
    .addOption(setupTimeout())
    .addOption(stallTimeout())
    .addOption(completionTimeout())
    .option('--json', 'print one JSON document on stdout, and nothing else there')
    .addHelpText('after', MIGRATE_HELP)
    .action(async (source, destination, options, command) =>
      ended(await migrateCommand(source, destination, { ...options, ...accelSource(command) })),
    );
}

function addReceive(program: Command, ended: (code: ExitCode) => void): void {
  program
    .command('receive')
    .summary('be the destination of a migrate, or of a QEMU')
    .description('Be the destination of one migration: of `multifd migrate`, or of a real QEMU')
    .argument('[listen]', 'where to wait for it', 'tcp:127.0.0.1:4444')
    .argument('[target]', 'where the memory goes')
    .addOption(channels())
    .addOption(compression())
    .addOption(zlibLevel())
    .addOption(zstdLevel())
    .addOption(multifdSetting())
    .addOption(machineType('accept this machine type only (default: any)'))
    .addOption(uuid())
    .option(
      '--max-ram <size>',
      'refuse a source that announces more RAM than this (default: 1T)',
      parseMaxRam,
    )
    .addOption(host())
    .option('--force', 'replace what is already there, when the new is complete')
    .option('--verify', 'take digests for a source that asks for them (default)')
    .option('--no-verify', 'do not')
    .addOption(incomingSetupTimeout())
    .addOption(stallTimeout())
    .addOption(idleTimeout())
    .option('--json', 'print one JSON document on stdout, and nothing else there')
    .addOption(new Option('--loopback-child', 'started by migrate for its loopback').hideHelp())
    .addHelpText('after', RECEIVE_HELP)
    .action(async (listen, target, options) => ended(await receiveCommand(listen, target, options)));
}

function addRelay(program: Command, ended: (code: ExitCode) => void): void {
  program
    .command('relay')
    .summary('let a guest migrate through, to a destination of another kind')
    .description(
      'Stand between a source and a destination: pages stream through, at most 32 MiB of them inside',
    )
    .argument('<listen>', 'where the source connects to')
    .argument('<destination>', 'where the guest goes')
    .addOption(channels())
    .option(
      '--outgoing-multifd-channels <n>',
      'channels to the destination (default: as many as the source has)',
      (text) => parseWhole(text, '--outgoing-multifd-channels', 1, 255),
    )
    .option(
      '--outgoing-multifd-compression <method>',
      'compression to the destination (default: what the source uses)',
    )
    .addOption(zeroPageDetection())
    .addOption(compression())
    .addOption(zlibLevel())
    .addOption(zstdLevel())
    .addOption(multifdSetting())
    .addOption(maxBandwidth())
    .addOption(accel())
    .addOption(host())
    .addOption(machineCompat())
    .addOption(machineType('accept this machine type only (default: any)'))
    .addOption(uuid())
    .addOption(incomingSetupTimeout())
    .addOption(stallTimeout())
    .addOption(idleTimeout())
    .addOption(completionTimeout())
    .option('--json', 'print one JSON document on stdout, and nothing else there')
    .addHelpText('after', RELAY_HELP)
    .action(async (listen, destination, options, command) =>
      ended(await relayCommand(listen, destination, { ...options, ...accelSource(command) })),
    );
}

function addInspect(program: Command, ended: (code: ExitCode) => void): void {
  program
    .command('inspect')
    .summary('say what is in a migration file')
    .description('Say what is in a migration file: RAM blocks, sections, and the device state in words')
    .argument('<file>', 'what QEMU wrote with file: or exec:, libvirt with save, or receive with file:')
    .option('--json', 'print one JSON document on stdout, with nothing left out')
    .addHelpText('after', INSPECT_HELP)
    .action(async (file, options) => ended(await inspectCommand(file, options)));
}
