import { MultifdError } from '../errors.js';
import { methodHangs, methodNotReady, methodTookDown } from '../methods/diagnosis.js';
import type { MigrationParameters } from '../parameters.js';
import {
  ACTIVITY_CHECKING,
  ACTIVITY_CODING,
  ACTIVITY_OPENING,
  ACTIVITY_SETTING_UP,
  type Counters,
} from '../thread/counters.js';
import type { ClientTls } from '../transport/tls/credentials.js';
import { isReason } from '../wire/reason.js';
import type { AcceleratorReference } from '../zero/accelerator.js';
import type { SourceControl } from './control.js';

/** Name of the main stream's thread in messages. */
export const MIGRATION_THREAD = 'migration thread';

/** Plug-in code that runs in the threads of a source, or of a relay's outgoing side. */
export interface PluginCode {
  /** A channel's name in messages. */
  readonly channel: 'channel' | 'outgoing channel';
  readonly parameters: MigrationParameters;
  readonly accelerator: AcceleratorReference | undefined;
  readonly methodModules: readonly string[];
  /** Name of the method in use now, which the parameter does not give with `auto`. */
  readonly method: () => string;
}

/** The threads that a migration needs before it connects. */
export interface Setup {
  readonly threads: number;
  /** Number of threads that are not ready. */
  readonly missing: number;
  /** False: no thread runs yet, as the accelerator must first open the device that they share. */
  readonly started: boolean;
}

/** The error for threads that are not ready within `setupTimeout`: names the plug-in that is being opened, if any. */
export function notReady(
  { parameters, accelerator }: PluginCode,
  setup: Setup,
  counters: Counters,
): MultifdError {
  const rows = Array.from({ length: counters.rows }, (_, index) => counters.row(index).activity);
  const late = `in ${setup.missing} of ${setup.threads} threads after ${parameters.setupTimeout} ms`;
  if (!setup.started || rows.includes(ACTIVITY_OPENING)) {
    return new MultifdError('accelerator', `accelerator ${accelerator?.name ?? 'none'}: not open ${late}`);
  }
  if (rows.includes(ACTIVITY_SETTING_UP)) return methodNotReady(parameters, late);
  return new MultifdError('timeout', `the migration is not set up ${late}`, {
    hint: "this machine is very busy, or the guest's memory cannot be opened (a hung disk)",
  });
}

/**
 * The error for `multifd-compression=auto`, which loads all methods before connecting, when a module never finishes.
 */
export function notLoaded({ setupTimeout }: MigrationParameters): MultifdError {
  return new MultifdError(
    'codec-unavailable',
    `multifd-compression auto: its methods were not loaded after ${setupTimeout} ms`,
    { hint: 'name one method, or leave out the module that does not load' },
  );
}

/**
 * The error for a zero check or method that does not return.
 * @param row the thread's row in the counters.
 */
export function hangs(plugins: PluginCode, row: number, coding: boolean): MultifdError {
  const { parameters, accelerator, method, channel } = plugins;
  const who = row === 0 ? MIGRATION_THREAD : `${channel} ${row - 1}`;
  if (coding) return methodHangs(who, method(), parameters);
  const what = `accelerator ${accelerator?.name ?? 'none'} gave no answer within ${parameters.stallTimeout} ms`;
  return new MultifdError('accelerator', `${who}: ${what}`, {
    hint: 'or the memory that it should look at cannot be read (a hung disk)',
  });
}

/**
 * The error for a thread that died without reporting why. Attributes its death to the module on the error's stack,
 * else to the thread's running activity.
 * @param activity what the thread was doing, from the counters.
 */
export function died(plugins: PluginCode, error: MultifdError, activity: bigint): MultifdError {
  if (error.code !== 'internal') return error;
  const settingUp = activity === ACTIVITY_SETTING_UP;
  const who = whoThrew(plugins, error.cause) ?? whoHas(activity);
  if (who === undefined) return error;
  if (who === 'method') return methodTookDown(plugins.method(), error, settingUp);
  const name = plugins.accelerator?.name ?? 'none';
  return new MultifdError('accelerator', `accelerator ${name} took its thread down: ${error.message}`, {
    cause: error,
  });
}

function whoHas(activity: bigint): 'accelerator' | 'method' | undefined {
  if (activity === ACTIVITY_CODING || activity === ACTIVITY_SETTING_UP) return 'method';
  return activity === ACTIVITY_CHECKING || activity === ACTIVITY_OPENING ? 'accelerator' : undefined;
}

/** Whose module, else whose module's folder, is on the error's stack; undefined if neither or both are. */
function whoThrew(plugins: PluginCode, cause: unknown): 'accelerator' | 'method' | undefined {
  const stack = cause instanceof Error ? (cause.stack ?? '') : '';
  const urls = (modules: readonly string[]): readonly URL[] =>
    modules.filter((module) => URL.canParse(module)).map((module) => new URL(module));
  const methods = urls(plugins.methodModules);
  const accelerators = urls(plugins.accelerator === undefined ? [] : [plugins.accelerator.module]);
  for (const place of ['', '.']) {
    const isOn = (module: URL): boolean => stack.includes(new URL(place, module).href);
    const methodIs = methods.some(isOn);
    if (methodIs !== accelerators.some(isOn)) return methodIs ? 'method' : 'accelerator';
  }
  return undefined;
}

/** How a destination was spoken to. */
export interface Announced {
  /** A QEMU without a machine, which alone takes `none`, is rare. */
  readonly machineType: string;
  /** With `qemu` a multifd is not asked for its reason. */
  readonly wire: MigrationParameters['wire'];
  /** Undefined: no TLS. */
  readonly tls: ClientTls | undefined;
}

/**
 * The error for a destination that is gone. Before the first round is over it has probably refused the guest: a QEMU then
 * only closes. So does a multifd that was not asked why, and whoever judges a certificate, once the handshake is over and
 * before it has read a byte of main. A multifd or a relay that has said that it is one would have said why. A source and a
 * relay both say so.
 */
export function withEarlyHint(
  error: MultifdError,
  control: SourceControl,
  announced: Announced,
): MultifdError {
  if (error.code !== 'peer-closed' || isReason(error) || !control.isInFirstRound) return error;
  const hint = control.isMultifd ? OF_A_MULTIFD : earlyHint(announced, control.hasAnswered);
  return new MultifdError('peer-closed', error.message, { cause: error, hint });
}

/** @param hasAnswered the destination has read the configuration, whose machine type it would have refused before. */
function earlyHint({ machineType, wire, tls }: Announced, hasAnswered: boolean): string {
  const isUnnamed = machineType === 'none' && !hasAnswered;
  const fit = `${SAME}${tls === undefined ? ' and tls-creds' : ''} must fit`;
  const look =
    wire === 'qemu'
      ? `${SAID_BY_EITHER}: ${fit}${isUnnamed ? `; ${UNNAMED}` : ''}`
      : `${isUnnamed ? `${UNNAMED}; ` : ''}${SAID_BY_QEMU}: ${fit}`;
  // A shared key has proven itself in the handshake.
  if (tls?.credentials.kind !== 'x509') return look;
  return `${tls.credentials.own === undefined ? NO_CERTIFICATE : JUDGED}; if it is not that: ${look}`;
}

const OF_A_MULTIFD =
  'has it ended, or did the network between break the connection? A multifd that refuses a guest says why';
const NO_CERTIFICATE =
  'TLS: this end has no certificate (client-cert.pem), and the destination may ask for one; its own message says so';
const JUDGED =
  "TLS: the destination may not accept this end's certificate (its tls-authz, ca-cert.pem or ca-crl.pem); its own message says so";
const UNNAMED = 'a QEMU refuses machine type none: give machineType (pc-q35-10.0, say)';
const SAID_BY_QEMU =
  'has it ended, or does it refuse this guest? See its stderr, or error-desc of its query-migrate';
const SAID_BY_EITHER = "see a QEMU's stderr, or a multifd's own message (given here too, without wire qemu)";
const SAME = 'multifd, multifd-channels, multifd-compression, machine type, RAM size, devices, uuid';
