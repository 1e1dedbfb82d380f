import { Option } from '@commander-js/extra-typings';
import { HOSTS } from '../host/choose-host.js';
import { parseZlibLevel, parseZstdLevel } from './compression.js';
import { parseMachineType, parseUuid } from './identity.js';
import { parseMachineCompat } from './machine-compat.js';
import { parseSize, parseWhole } from './sizes.js';

/** The options that several commands take: each stands here once. */

const LONGEST_TIMEOUT = 2 ** 31 - 1;

/** In the environment: the default of `--accel`. */
const ACCEL_VARIABLE = 'MULTIFD_ACCEL';

export function zeroPageDetection() {
  return new Option(
    '--zero-page-detection <mode>',
    'who looks for zero pages (default: multifd, the channel threads)',
  ).choices(['none', 'legacy', 'multifd'] as const);
}

export function maxBandwidth() {
  return new Option(
    '--max-bandwidth <rate>',
    'bytes a second over all connections, 0 is unlimited (default: 0)',
  ).argParser((text) => parseSize(text, '--max-bandwidth'));
}

export function accel() {
  const option = new Option(
    '--accel <name>',
    'what checks for zero pages: auto, native, avx512, avx2, sse2, neon, wasm, js, gpu, gpu:software (see accel list), or a module by path or package name',
  ).default('auto');
  // As everywhere, a variable that is empty is not set.
  return process.env[ACCEL_VARIABLE] === '' ? option : option.env(ACCEL_VARIABLE);
}

/** Whether `--accel` was said or comes from the environment: an error tells. */
export function accelSource(command: { getOptionValueSource(key: 'accel'): string | undefined }) {
  return command.getOptionValueSource('accel') === 'env' ? { accelVariable: ACCEL_VARIABLE } : {};
}

export function host() {
  return new Option(
    '--host <name>',
    'what the operating system gives beyond Node (mapped memory, blocking sockets): auto, linux, none',
  )
    .choices(HOSTS)
    .default('auto' as const)
    .env('MULTIFD_HOST');
}

export function machineCompat() {
  return new Option(
    '--machine-compat <version>',
    "what a QEMU destination's older machine type needs: 7.2 for pc-q35-7.2 (default: by the guest's machine type)",
  ).argParser(parseMachineCompat);
}

export function channels() {
  return new Option(
    '--channels, --multifd-channels <n>',
    'parallel channels, 1 to 255, equal on both ends (default: 2)',
  ).argParser((text) => parseWhole(text, '--multifd-channels', 1, 255));
}

export function compression() {
  return new Option(
    '--compression, --multifd-compression <method>',
    'none, zlib, zstd, a module by path or package name, or auto (no QEMU has that); equal on both ends (default: none)',
  );
}

export function zlibLevel() {
  return new Option(
    '--multifd-zlib-level <n>',
    'from 0, none, to 9, best; a destination needs none (default: 1)',
  ).argParser(parseZlibLevel);
}

export function zstdLevel() {
  return new Option(
    '--multifd-zstd-level <n>',
    "from 1, fastest, to 20, best, 0 being zstd's own choice; a destination needs none (default: 1)",
  ).argParser(parseZstdLevel);
}

export function multifdSetting() {
  return new Option(
    '--multifd-setting <name=value>',
    'a setting that the compression method declares, may be given more than once; a destination needs none',
  ).argParser<readonly string[]>((text, before = []) => [...before, text]);
}

export function uuid() {
  return new Option('--uuid <uuid>', "the guest's uuid, equal on both ends (default: all zero)").argParser(
    parseUuid,
  );
}

export function machineType(description: string) {
  return new Option('--machine-type <name>', description).argParser(parseMachineType);
}

export function setupTimeout(description = 'until all connections must stand') {
  return new Option('--setup-timeout <ms>', `${description} (default: 30000)`).argParser((text) =>
    parseWhole(text, '--setup-timeout', 1, LONGEST_TIMEOUT),
  );
}

/** A destination waits for a source without a limit. */
export function incomingSetupTimeout() {
  return setupTimeout('until all connections must stand, once a source has begun; without one, it waits on');
}

export function stallTimeout() {
  return new Option(
    '--stall-timeout <ms>',
    'how long a busy connection may stand still (default: 30000)',
  ).argParser((text) => parseWhole(text, '--stall-timeout', 1, LONGEST_TIMEOUT));
}

export function idleTimeout() {
  return new Option(
    '--idle-timeout <ms>',
    'how long a source may send nothing on any connection, as one does that is paused before its switchover (default: 300000)',
  ).argParser((text) => parseWhole(text, '--idle-timeout', 1, LONGEST_TIMEOUT));
}

export function completionTimeout() {
  return new Option(
    '--completion-timeout <ms>',
    'how long a destination that has everything may take in all to make it last, while it shows that it is alive (default: 3600000)',
  ).argParser((text) => parseWhole(text, '--completion-timeout', 1, LONGEST_TIMEOUT));
}
