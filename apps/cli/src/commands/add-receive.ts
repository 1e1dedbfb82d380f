import { type Command, Option } from '@commander-js/extra-typings';
import type { ExitCode } from '../exit-codes.js';
import { RECEIVE_HELP } from '../help.js';
import { parseMaxRam } from '../options/max-ram.js';
import {
  channels,
  compression,
  defer,
  host,
  idleTimeout,
  incomingSetupTimeout,
  machineType,
  multifdSetting,
  qmp,
  stallTimeout,
  uuid,
  zlibLevel,
  zstdLevel,
} from '../options/option-list.js';
import { ramBlocks } from '../options/ram-blocks.js';
import {
  INSECURE,
  INSECURE_HELP,
  TLS_PSK,
  TLS_PSK_HELP,
  tlsAuthz,
  tlsCreds,
} from '../options/tls-options.js';
import { metrics, progress, trace } from '../options/watch-options.js';

/** The options of `multifd receive`. What it does is loaded when it is asked for. */
export function addReceive(program: Command, args: readonly string[], ended: (code: ExitCode) => void): void {
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
    .addOption(ramBlocks())
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
    .addOption(new Option('--bench-child', 'started by bench, and ends with it').hideHelp())
    .addHelpText('after', RECEIVE_HELP)
    .action(async (listen, target, options) =>
      ended(await (await import('./receive.js')).receiveCommand(listen, target, options)),
    );
}
