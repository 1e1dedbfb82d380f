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
import type { AcceleratorReference } from '../zero/accelerator.js';

/** The thread of the main stream, in messages. */
export const MIGRATION_THREAD = 'migration thread';

/** Other people's code that runs in the threads of a source, or of a relay's outgoing side. */
export interface Suspects {
  /** What a channel is called in messages. */
  readonly channel: 'channel' | 'outgoing channel';
  readonly parameters: MigrationParameters;
  readonly accelerator: AcceleratorReference | undefined;
  readonly methodModules: readonly string[];
  /** Name of the method that makes packets now: with `auto` the parameter does not tell. */
  readonly method: () => string;
}

/** The threads that a migration needs before it connects. */
export interface Setup {
  readonly threads: number;
  /** Those that are not ready. */
  readonly missing: number;
  /** False: there are none yet, as the accelerator has first to open what they share. */
  readonly started: boolean;
}

/** Some threads are not ready within `setupTimeout`: what is being opened in one of them may never come back. */
export function notReady(
  { parameters, accelerator }: Suspects,
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

/** `multifd-compression=auto` loads all methods before anybody connects, and one of their modules does not end it. */
export function notLoaded({ setupTimeout }: MigrationParameters): MultifdError {
  return new MultifdError(
    'codec-unavailable',
    `multifd-compression auto: its methods were not loaded after ${setupTimeout} ms`,
    { hint: 'name one method, or leave out the module that does not load' },
  );
}

/**
 * A thread's zero check or method does not come back.
 * @param row of the thread in the counters.
 */
export function hangs(suspects: Suspects, row: number, coding: boolean): MultifdError {
  const { parameters, accelerator, method, channel } = suspects;
  const who = row === 0 ? MIGRATION_THREAD : `${channel} ${row - 1}`;
  if (coding) return methodHangs(who, method(), parameters);
  const what = `accelerator ${accelerator?.name ?? 'none'} gave no answer within ${parameters.stallTimeout} ms`;
  return new MultifdError('accelerator', `${who}: ${what}`, {
    hint: 'or the memory that it should look at cannot be read (a hung disk)',
  });
}

/**
 * A thread ended without saying why. Attributes the death to the module on the error's stack, else to the
 * thread's running activity.
 * @param activity what it was doing, as the counters have it.
 */
export function died(suspects: Suspects, error: MultifdError, activity: bigint): MultifdError {
  if (error.code !== 'internal') return error;
  const settingUp = activity === ACTIVITY_SETTING_UP;
  const who = whoThrew(suspects, error.cause) ?? whoHas(activity);
  if (who === undefined) return error;
  if (who === 'method') return methodTookDown(suspects.method(), error, settingUp);
  const name = suspects.accelerator?.name ?? 'none';
  return new MultifdError('accelerator', `accelerator ${name} took its thread down: ${error.message}`, {
    cause: error,
  });
}

function whoHas(activity: bigint): 'accelerator' | 'method' | undefined {
  if (activity === ACTIVITY_CODING || activity === ACTIVITY_SETTING_UP) return 'method';
  return activity === ACTIVITY_CHECKING || activity === ACTIVITY_OPENING ? 'accelerator' : undefined;
}

/** Whose module is on an error's stack, or else whose folder; undefined if that does not tell. */
function whoThrew(suspects: Suspects, cause: unknown): 'accelerator' | 'method' | undefined {
  const stack = cause instanceof Error ? (cause.stack ?? '') : '';
  const urls = (modules: readonly string[]): readonly URL[] =>
    modules.filter((module) => URL.canParse(module)).map((module) => new URL(module));
  const methods = urls(suspects.methodModules);
  const accelerators = urls(suspects.accelerator === undefined ? [] : [suspects.accelerator.module]);
  for (const place of ['', '.']) {
    const isOn = (module: URL): boolean => stack.includes(new URL(place, module).href);
    const methodIs = methods.some(isOn);
    if (methodIs !== accelerators.some(isOn)) return methodIs ? 'method' : 'accelerator';
  }
  return undefined;
}

/** A QEMU destination that does not take a guest says nothing here: it closes, or its process dies, or was killed. */
export function refusedEarly(error: MultifdError): MultifdError {
  return new MultifdError('peer-closed', error.message, {
    cause: error,
    hint: "see the destination's own message, or whether it still runs; machine type, RAM size, devices, multifd-channels and multifd-compression must be the same on both ends, and tls-creds empty",
  });
}
