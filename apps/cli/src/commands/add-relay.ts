import type { Command } from '@commander-js/extra-typings';
import type { ExitCode } from '../exit-codes.js';
import { RELAY_HELP } from '../help.js';
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
  qmp,
  stallTimeout,
  uuid,
  zeroPageDetection,
  zlibLevel,
  zstdLevel,
} from '../options/option-list.js';
import { parseWhole } from '../options/sizes.js';
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
} from '../options/tls-options.js';
import { metrics, progress, trace } from '../options/watch-options.js';

/** The options of `multifd relay`. What it does is loaded when it is asked for. */
export function addRelay(program: Command, args: readonly string[], ended: (code: ExitCode) => void): void {
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
        await (await import('./relay.js')).relayCommand(listen, destination, {
          ...options,
          ...accelSource(command),
        }),
      ),
    );
}
