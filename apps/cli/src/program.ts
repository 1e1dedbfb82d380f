import { Command, Option } from '@commander-js/extra-typings';
import { addBench } from './commands/add-bench.js';
import { addMigrate } from './commands/add-migrate.js';
import { addCompletion } from './completion/commands.js';
import type { ExitCode } from './exit-codes.js';
import { ACCEL_HELP, INSPECT_HELP, RECEIVE_HELP, RELAY_HELP, ROOT_HELP, TLS_HELP } from './help.js';
import { addHelp } from './help-command.js';
import { parseHost } from './options/certificate-host.js';
import { parseMaxRam } from './options/max-ram.js';
import {
  accel,
  accelSource,
  channels,
  completionTimeout,
  compression,
  defer,
  host,
  idleTimeout,
  incomingSetupTimeout,
  machineCompat,
  machineType,
  maxBandwidth,
  multifdSetting,
  qmp,
  stallTimeout,
  uuid,
  zeroPageDetection,
  zlibLevel,
  zstdLevel,
} from './options/option-list.js';
import { parseWhole } from './options/sizes.js';
import {
  INSECURE,
  INSECURE_HELP,
  OUTGOING_TLS_PSK,
  outgoingTlsCreds,
  outgoingTlsHostname,
  outgoingTlsUsername,
  TLS_PSK,
  TLS_PSK_HELP,
  tlsAuthz,
  tlsCreds,
} from './options/tls-options.js';
import { metrics, progress, trace } from './options/watch-options.js';
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
  addInspect(program, ended);
  addTls(program, ended);
  addAccel(program, ended);
  addBench(program, ended);
  addCompletion(program);
  addHelp(program);
  return program;
}

function addAccel(program: Command, ended: (code: ExitCode) => void): void {
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
    .action(async (options) => ended(await (await import('./commands/accel.js')).accelListCommand(options)));
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
    .action(async (options) => ended(await (await import('./commands/accel.js')).accelBenchCommand(options)));
  addHelp(accel);
}

function addReceive(program: Command, args: readonly string[], ended: (code: ExitCode) => void): void {
  program
    .command('receive')
    .summary('receive a guest from multifd or QEMU')
    .description('Be the destination of one migration from `multifd migrate` or QEMU')
    .argument('[listen]', 'address to listen on', 'tcp:127.0.0.1:4444')
    .argument('[target]', 'where to store the guest')
    .addOption(channels(args))
    .addOption(compression())
    .addOption(zlibLevel())
    .addOption(zstdLevel())
    .addOption(multifdSetting())
    .addOption(machineType('accept this machine type only (default: any)'))
    .addOption(uuid())
    .option('--max-ram <size>', 'refuse a source with more RAM than this (default: 1T)', parseMaxRam)
    .addOption(host(args))
    .option('--force', 'replace an existing target once the new one is complete')
    .option('--verify', 'compute digests for a source that asks for them (default)')
    .option('--no-verify', 'do not compute them')
    .addOption(tlsCreds())
    .option('--tls-verify-peer', 'a source must have a certificate that is valid here (default)')
    .option('--no-tls-verify-peer', 'it needs none: whoever reaches the address can be the source')
    .option(TLS_PSK, TLS_PSK_HELP)
    .addOption(tlsAuthz())
    .option(INSECURE, INSECURE_HELP)
    .addOption(incomingSetupTimeout())
    .addOption(stallTimeout())
    .addOption(idleTimeout())
    .option('--json', 'print one JSON document on stdout and nothing else')
    .addOption(qmp())
    .addOption(progress())
    .addOption(metrics())
    .addOption(trace())
    .addOption(defer('migrate-incoming'))
    .addOption(new Option('--loopback-child', 'started by migrate for its loopback').hideHelp())
    .addHelpText('after', RECEIVE_HELP)
    .action(async (listen, target, options) =>
      ended(await (await import('./commands/receive.js')).receiveCommand(listen, target, options)),
    );
}

function addRelay(program: Command, args: readonly string[], ended: (code: ExitCode) => void): void {
  program
    .command('relay')
    .summary('forward a guest from a source to a destination with other settings')
    .description('Forward a migration from a source to a destination; at most 32 MiB of pages wait inside')
    .argument('<listen>', 'address that the source connects to')
    .argument('<destination>', 'address of the destination')
    .addOption(channels(args))
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
    .addOption(host(args))
    .addOption(machineCompat())
    .addOption(machineType('accept this machine type only (default: any)'))
    .addOption(uuid())
    .addOption(tlsCreds())
    .option('--tls-verify-peer', 'a source must have a certificate that is valid here (default)')
    .option('--no-tls-verify-peer', 'it needs none: whoever reaches the address can be the source')
    .option(TLS_PSK, TLS_PSK_HELP)
    .addOption(tlsAuthz())
    .option(INSECURE, INSECURE_HELP)
    .addOption(qmp())
    .addOption(progress())
    .addOption(metrics())
    .addOption(trace())
    .addOption(outgoingTlsCreds())
    .option('--outgoing-tls-verify-peer', 'the destination must prove who it is (default)')
    .option(
      '--no-outgoing-tls-verify-peer',
      'it need not: whoever is in between can read and forge the guest',
    )
    .option(OUTGOING_TLS_PSK, TLS_PSK_HELP)
    .addOption(outgoingTlsUsername())
    .addOption(outgoingTlsHostname())
    .addOption(incomingSetupTimeout())
    .addOption(stallTimeout())
    .addOption(idleTimeout())
    .addOption(completionTimeout())
    .option('--json', 'print one JSON document on stdout and nothing else')
    .addHelpText('after', RELAY_HELP)
    .action(async (listen, destination, options, command) =>
      ended(
        await (await import('./commands/relay.js')).relayCommand(listen, destination, {
          ...options,
          ...accelSource(command),
        }),
      ),
    );
}

function addInspect(program: Command, ended: (code: ExitCode) => void): void {
  program
    .command('inspect')
    .summary('show what a migration file contains')
    .description('Show what a migration file contains: RAM blocks, sections, and the decoded device state')
    .argument('<file>', 'a migration file of QEMU, libvirt or `multifd receive`')
    .option('--json', 'print one JSON document on stdout, complete')
    .addHelpText('after', INSPECT_HELP)
    .action(async (file, options) =>
      ended(await (await import('./commands/inspect.js')).inspectCommand(file, options)),
    );
}

function addTls(program: Command, ended: (code: ExitCode) => void): void {
  const tls = program
    .command('tls')
    .summary('make credentials for TLS')
    .description('Credentials for TLS, in the form that QEMU has')
    .helpCommand(false)
    .exitOverride()
    .addHelpText('after', TLS_HELP);
  tls
    .command('init')
    .description('Make a certificate authority, and a certificate for each end, in a folder')
    .argument('<dir>', 'the folder; nothing that is there is replaced')
    .addOption(
      new Option(
        '--host <name>',
        "a host name or address of the destination, for its certificate; may be repeated (this machine's own are always in it)",
      ).argParser(parseHost),
    )
    .option('--psk', 'make a shared key, keys.psk, instead')
    .option('--json', 'print one JSON document on stdout and nothing else')
    .action(async (dir, options) =>
      ended(await (await import('./commands/tls.js')).tlsInitCommand(dir, options)),
    );
  addHelp(tls);
}
