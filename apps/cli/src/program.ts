import { Command, Option } from '@commander-js/extra-typings';
import { accelBenchCommand, accelListCommand } from './commands/accel.js';
import { inspectCommand } from './commands/inspect.js';
import { migrateCommand } from './commands/migrate.js';
import { receiveCommand } from './commands/receive.js';
import { relayCommand } from './commands/relay.js';
import type { ExitCode } from './exit-codes.js';
import { ACCEL_HELP, INSPECT_HELP, MIGRATE_HELP, RECEIVE_HELP, RELAY_HELP, ROOT_HELP } from './help.js';
import { HOSTS } from './host/choose-host.js';
import { parseZlibLevel, parseZstdLevel } from './options/compression.js';
import { parseMachineType, parseUuid } from './options/identity.js';
import { parseMachineCompat } from './options/machine-compat.js';
import { parseMaxRam } from './options/max-ram.js';
import { parseSize, parseWhole } from './options/sizes.js';
import { version } from './version.js';

const LONGEST_TIMEOUT = 2 ** 31 - 1;

/** In the environment: the default of `--accel`. */
const ACCEL_VARIABLE = 'MULTIFD_ACCEL';

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

function zeroPageDetection() {
  return new Option(
    '--zero-page-detection <mode>',
    'who looks for zero pages (default: multifd, the channel threads)',
  ).choices(['none', 'legacy', 'multifd'] as const);
}

function maxBandwidth() {
  return new Option(
    '--max-bandwidth <rate>',
    'bytes a second over all connections, 0 is unlimited (default: 0)',
  ).argParser((text) => parseSize(text, '--max-bandwidth'));
}

function accel() {
  const option = new Option(
    '--accel <name>',
    'what checks for zero pages: auto, native, avx512, avx2, sse2, neon, wasm, js, gpu, gpu:software (see accel list), or a module by path or package name',
  ).default('auto');
  // As everywhere, a variable that is empty is not set.
  return process.env[ACCEL_VARIABLE] === '' ? option : option.env(ACCEL_VARIABLE);
}

/** Whether `--accel` was said or comes from the environment: an error tells. */
function accelSource(command: { getOptionValueSource(key: 'accel'): string | undefined }) {
  return command.getOptionValueSource('accel') === 'env' ? { accelVariable: ACCEL_VARIABLE } : {};
}

function host() {
  return new Option(
    '--host <name>',
    'what the operating system gives beyond Node (mapped memory, blocking sockets): auto, linux, none',
  )
    .choices(HOSTS)
    .default('auto' as const)
    .env('MULTIFD_HOST');
}

function machineCompat() {
  return new Option(
    '--machine-compat <version>',
    "what a QEMU destination's older machine type needs: 7.2 for pc-q35-7.2 (default: by the guest's machine type)",
  ).argParser(parseMachineCompat);
}

function channels() {
  return new Option(
    '--channels, --multifd-channels <n>',
    'parallel channels, 1 to 255, equal on both ends (default: 2)',
  ).argParser((text) => parseWhole(text, '--multifd-channels', 1, 255));
}

function compression() {
  return new Option(
    '--compression, --multifd-compression <method>',
    'none, zlib, zstd, a module by path or package name, or auto (no QEMU has that); equal on both ends (default: none)',
  );
}

function zlibLevel() {
  return new Option(
    '--multifd-zlib-level <n>',
    'from 0, none, to 9, best; a destination needs none (default: 1)',
  ).argParser(parseZlibLevel);
}

function zstdLevel() {
  return new Option(
    '--multifd-zstd-level <n>',
    "from 1, fastest, to 20, best, 0 being zstd's own choice; a destination needs none (default: 1)",
  ).argParser(parseZstdLevel);
}

function multifdSetting() {
  return new Option(
    '--multifd-setting <name=value>',
    'a setting that the compression method declares, may be given more than once; a destination needs none',
  ).argParser<readonly string[]>((text, before = []) => [...before, text]);
}

function uuid() {
  return new Option('--uuid <uuid>', "the guest's uuid, equal on both ends (default: all zero)").argParser(
    parseUuid,
  );
}

function machineType(description: string) {
  return new Option('--machine-type <name>', description).argParser(parseMachineType);
}

function setupTimeout(description = 'until all connections must stand') {
  return new Option('--setup-timeout <ms>', `${description} (default: 30000)`).argParser((text) =>
    parseWhole(text, '--setup-timeout', 1, LONGEST_TIMEOUT),
  );
}

/** A destination waits for a source without a limit. */
function incomingSetupTimeout() {
  return setupTimeout('until all connections must stand, once a source has begun; without one, it waits on');
}

function stallTimeout() {
  return new Option(
    '--stall-timeout <ms>',
    'how long a busy connection may stand still (default: 30000)',
  ).argParser((text) => parseWhole(text, '--stall-timeout', 1, LONGEST_TIMEOUT));
}

function idleTimeout() {
  return new Option(
    '--idle-timeout <ms>',
    'how long a source may send nothing on any connection, as one does that is paused before its switchover (default: 300000)',
  ).argParser((text) => parseWhole(text, '--idle-timeout', 1, LONGEST_TIMEOUT));
}

function completionTimeout() {
  return new Option(
    '--completion-timeout <ms>',
    'how long a destination that has everything may take in all to make it last, while it shows that it is alive (default: 3600000)',
  ).argParser((text) => parseWhole(text, '--completion-timeout', 1, LONGEST_TIMEOUT));
}
