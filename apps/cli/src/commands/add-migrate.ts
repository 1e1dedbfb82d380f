import type { Command } from '@commander-js/extra-typings';
import type { ExitCode } from '../exit-codes.js';
import { MIGRATE_HELP } from '../help.js';
import {
  accel,
  accelSource,
  autoConverge,
  channels,
  completionTimeout,
  compression,
  cpuThrottleIncrement,
  cpuThrottleInitial,
  defer,
  host,
  limitAction,
  machineCompat,
  machineType,
  maxBandwidth,
  maxCpuThrottle,
  maxRounds,
  multifdSetting,
  qmp,
  setupTimeout,
  stallTimeout,
  timeout,
  uuid,
  wire,
  zeroPageDetection,
  zlibLevel,
  zstdLevel,
} from '../options/option-list.js';
import { parseWhole } from '../options/sizes.js';
import { TLS_PSK, TLS_PSK_HELP, tlsCreds, tlsHostname, tlsUsername } from '../options/tls-options.js';
import { metrics, progress, trace } from '../options/watch-options.js';

export function addMigrate(program: Command, args: readonly string[], ended: (code: ExitCode) => void): void {
  program
    .command('migrate')
    .summary('move a guest to another process')
    .description("Move a guest's memory to another process, on this machine or another")
    .argument('[source]', 'the guest to move', 'demo:1G')
    .argument('[destination]', 'where it goes', 'loopback')
    .addOption(channels(args))
    .addOption(zeroPageDetection())
    .addOption(compression())
    .addOption(zlibLevel())
    .addOption(zstdLevel())
    .addOption(multifdSetting())
    .addOption(maxBandwidth())
    .option('--downtime-limit <ms>', 'how long the guest may be paused at the end (default: 300)', (text) =>
      parseWhole(text, '--downtime-limit', 0, 2_000_000),
    )
    .addOption(autoConverge())
    .addOption(cpuThrottleInitial())
    .addOption(cpuThrottleIncrement())
    .addOption(maxCpuThrottle())
    .addOption(maxRounds())
    .addOption(timeout())
    .addOption(limitAction())
    .addOption(accel())
    .addOption(host(args))
    .addOption(machineCompat())
    .addOption(machineType('machine type to announce (default: none)'))
    .addOption(uuid())
    .option('--verify', 'compare both sides at the end, by SHA-256 (default for demo: and loopback)')
    .option('--no-verify', 'do not compare: a QEMU cannot')
    .addOption(tlsCreds())
    .option('--tls-verify-peer', 'the destination must prove who it is (default)')
    .option('--no-tls-verify-peer', 'it need not: whoever is in between can read and forge the guest')
    .option(TLS_PSK, TLS_PSK_HELP)
    .addOption(tlsUsername())
    .addOption(tlsHostname())
    .addOption(setupTimeout())
    .addOption(stallTimeout())
    .addOption(completionTimeout())
    .addOption(wire())
    .addOption(qmp())
    .addOption(progress())
    .addOption(metrics())
    .addOption(trace())
    .addOption(defer('migrate'))
    .option(
      '-v, --verbose',
      'the progress line also shows the rate of each channel, the summary what auto has not taken, and why',
    )
    .option('--json', 'print one JSON document on stdout and nothing else')
    .addHelpText('after', MIGRATE_HELP)
    .action(async (source, destination, options, command) =>
      ended(
        await (await import('./migrate.js')).migrateCommand(source, destination, {
          ...options,
          ...accelSource(command),
        }),
      ),
    );
}
