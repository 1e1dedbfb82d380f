import { Option } from '@commander-js/extra-typings';
import { formatAddress, parseAddress } from '@multifd/core';
import { HOSTS } from '../host/choose-host.js';
import { parseZlibLevel, parseZstdLevel } from './compression.js';
import { parseMachineType, parseUuid } from './identity.js';
import { parseMachineCompat } from './machine-compat.js';
import { parseOneOf } from './one-of.js';
import { parseSize, parseWhole } from './sizes.js';
import { typedName } from './typed-name.js';

/** Options that several commands share. */

const DETECTIONS = ['none', 'legacy', 'multifd'] as const;

const LIMIT_ACTIONS = ['fail', 'suspend'] as const;

const LONGEST_TIMEOUT = 2 ** 31 - 1;

/** In the environment: the default of `--accel`. */
const ACCEL_VARIABLE = 'MULTIFD_ACCEL';
const HOST_VARIABLE = 'MULTIFD_HOST';

export function zeroPageDetection() {
  return new Option(
    '--zero-page-detection <mode>',
    'who finds zero pages: nobody, the migration thread, or the channel threads (default: multifd)',
  )
    .choices(DETECTIONS)
    .argParser((text) => parseOneOf(text, '--zero-page-detection', DETECTIONS));
}

export function maxBandwidth() {
  return new Option(
    '--max-bandwidth <rate>',
    'bytes a second over all connections; 0 is unlimited (default: 0)',
  ).argParser((text) => parseSize(text, '--max-bandwidth'));
}

export function autoConverge() {
  return new Option(
    '--auto-converge',
    'slow a guest down that dirties memory too fast: its processors stand still for part of the time',
  );
}

export function cpuThrottleInitial() {
  return percent('--cpu-throttle-initial', 'with --auto-converge: by how much at first', 20, 1);
}

export function cpuThrottleIncrement() {
  return percent('--cpu-throttle-increment', 'with --auto-converge: by how much more each time', 10, 1);
}

export function maxCpuThrottle() {
  return percent('--max-cpu-throttle', 'with --auto-converge: by how much at most', 99, 1);
}

function percent<F extends string>(flag: F, description: string, usual: number, least: number) {
  return new Option<`${F} <percent>`>(`${flag} <percent>`, `${description} (default: ${usual})`).argParser(
    (text) => parseWhole(text, flag, least, 99),
  );
}

export function maxRounds() {
  return new Option(
    '--max-rounds <n>',
    'rounds that a running guest gets to converge; 0 is unlimited (default: 0)',
  ).argParser((text) => parseWhole(text, '--max-rounds', 0, LONGEST_TIMEOUT));
}

export function timeout() {
  return new Option(
    '--timeout <ms>',
    'time that the migration gets until its guest is stopped; 0 is unlimited (default: 0)',
  ).argParser((text) => parseWhole(text, '--timeout', 0, LONGEST_TIMEOUT));
}

export function limitAction() {
  return new Option(
    '--limit-action <action>',
    'at --max-rounds or --timeout: fail (the guest runs on here), or suspend it, which ends the migration however long the rest takes (default: fail)',
  )
    .choices(LIMIT_ACTIONS)
    .argParser((text) => parseOneOf(text, '--limit-action', LIMIT_ACTIONS));
}

export function accel() {
  const option = new Option(
    '--accel <name>',
    'what finds zero pages: auto, native, avx512, avx2, sse2, neon, wasm, js, gpu, dsa (see accel list), or a module by path or package name; MODULE:NAME is one of its accelerators; behind either its settings (see accel list), as in NAME:key=value,key=value',
  ).default('auto');
  // As everywhere, a variable that is empty is not set.
  return process.env[ACCEL_VARIABLE] === '' ? option : option.env(ACCEL_VARIABLE);
}

/** Whether `--accel` was given or comes from the environment, for error messages. */
export function accelSource(command: { getOptionValueSource(key: 'accel'): string | undefined }) {
  return command.getOptionValueSource('accel') === 'env' ? { accelVariable: ACCEL_VARIABLE } : {};
}

export function host(args: readonly string[]) {
  return new Option('--host <name>', 'operating system support beyond Node (mapped memory, blocking sockets)')
    .choices(HOSTS)
    .argParser((text) => parseOneOf(text, typedName(args, ['--host'], text, HOST_VARIABLE), HOSTS))
    .default('auto' as const)
    .env(HOST_VARIABLE);
}

export function machineCompat() {
  return new Option(
    '--machine-compat <version>',
    "settings for a QEMU destination with a machine type of this version: 7.2 for pc-q35-7.2 (default: from the guest's machine type)",
  ).argParser(parseMachineCompat);
}

export function channels(args: readonly string[]) {
  const names = ['--channels', '--multifd-channels'];
  return new Option(
    '--channels, --multifd-channels <n>',
    'parallel channels, 1 to 255, the same on both ends (default: 2)',
  ).argParser((text) => parseWhole(text, typedName(args, names, text), 1, 255));
}

export function compression() {
  return new Option(
    '--compression, --multifd-compression <method>',
    'none, zlib, zstd, a module by path or package name, or auto (not with QEMU); the same on both ends (default: none)',
  );
}

export function zlibLevel() {
  return new Option(
    '--multifd-zlib-level <n>',
    '0 (no compression) to 9 (smallest); used by the sender only (default: 1)',
  ).argParser(parseZlibLevel);
}

export function zstdLevel() {
  return new Option(
    '--multifd-zstd-level <n>',
    "1 (fastest) to 20 (smallest), or 0 for zstd's default; used by the sender only (default: 1)",
  ).argParser(parseZstdLevel);
}

export function multifdSetting() {
  return new Option(
    '--multifd-setting <name=value>',
    'a setting of the compression method; may be repeated; used by the sender only',
  ).argParser<readonly string[]>((text, before = []) => [...before, text]);
}

export function uuid() {
  return new Option('--uuid <uuid>', "the guest's uuid, the same on both ends (default: all zero)").argParser(
    parseUuid,
  );
}

export function machineType(description: string) {
  return new Option('--machine-type <name>', description).argParser(parseMachineType);
}

export function setupTimeout(description = 'time limit for all connections to be made') {
  return new Option('--setup-timeout <ms>', `${description} (default: 30000)`).argParser((text) =>
    parseWhole(text, '--setup-timeout', 1, LONGEST_TIMEOUT),
  );
}

/** A destination waits for a source without a limit. */
export function incomingSetupTimeout() {
  return setupTimeout(
    'time limit for all connections of a source, from its first; without a source it waits for ever',
  );
}

export function wire() {
  return new Option(
    '--wire <form>',
    'qemu: send only what a QEMU sends, also to a multifd, which then gets every zero page and gives no reasons (default: multifd)',
  ).choices(['multifd', 'qemu']);
}

export function stallTimeout() {
  return new Option(
    '--stall-timeout <ms>',
    'how long a connection with data to move may make no progress (default: 30000)',
  ).argParser((text) => parseWhole(text, '--stall-timeout', 1, LONGEST_TIMEOUT));
}

export function idleTimeout() {
  return new Option(
    '--idle-timeout <ms>',
    'how long a source may send nothing on any connection, as while it is paused before its switchover (default: 300000)',
  ).argParser((text) => parseWhole(text, '--idle-timeout', 1, LONGEST_TIMEOUT));
}

export function completionTimeout() {
  return new Option(
    '--completion-timeout <ms>',
    'how long a destination that has received everything and is alive may take to store it (default: 3600000)',
  ).argParser((text) => parseWhole(text, '--completion-timeout', 1, LONGEST_TIMEOUT));
}

export function qmp() {
  return new Option(
    '--qmp <address>',
    'listen for QMP clients, which ask and steer as they do a QEMU: unix:PATH or tcp:127.0.0.1:PORT',
  ).argParser((text) => formatAddress(parseAddress(text)));
}

/** @param command the QMP command that is waited for. */
export function defer(command: 'migrate' | 'migrate-incoming') {
  return new Option('--defer', `with --qmp: begin at the QMP command ${command}, and end at quit`).preset(
    true as const,
  );
}
