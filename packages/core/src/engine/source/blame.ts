import { MultifdError } from '../../errors.js';
import type { AcceleratorReference } from '../api.js';
import { ACTIVITY_CHECKING, ACTIVITY_OPENING } from '../counters.js';
import type { MigrationParameters } from '../parameters.js';

/** The thread of the main stream, in messages. */
export const MIGRATION_THREAD = 'migration thread';

/** Other people's code that a migration runs in its threads. */
export interface Suspects {
  readonly parameters: MigrationParameters;
  readonly accelerator: AcceleratorReference | undefined;
}

/** Opening an accelerator or a codec may never end: `missing` threads have not within `setupTimeout`. */
export function notReady({ parameters, accelerator }: Suspects, missing: number): MultifdError {
  const { setupTimeout, multifdChannels, multifdCompression, zeroPageDetection } = parameters;
  const name = zeroPageDetection === 'none' ? undefined : accelerator?.name;
  const what = name === undefined ? `multifd method ${multifdCompression}` : `accelerator ${name}`;
  return new MultifdError(
    name === undefined ? 'codec-unavailable' : 'accelerator',
    `${what}: not open in ${missing} of ${multifdChannels + 1} threads after ${setupTimeout} ms`,
  );
}

/**
 * A thread's zero check or codec does not come back.
 * @param row of the thread in the counters.
 */
export function hangs({ parameters, accelerator }: Suspects, row: number, encoding: boolean): MultifdError {
  const who = row === 0 ? MIGRATION_THREAD : `channel ${row - 1}`;
  const { stallTimeout, multifdCompression } = parameters;
  if (encoding) {
    const what = `multifd method ${multifdCompression} did not come back within ${2 * stallTimeout} ms`;
    return new MultifdError('internal', `${who}: ${what}`);
  }
  const what = `accelerator ${accelerator?.name ?? 'none'} gave no answer within ${stallTimeout} ms`;
  return new MultifdError('accelerator', `${who}: ${what}`, {
    hint: 'or the memory that it should look at cannot be read (a hung disk)',
  });
}

/**
 * A thread ended without saying why: who was at work in it then, is told.
 * @param activity what it was doing, as the counters have it.
 */
export function died({ accelerator }: Suspects, error: MultifdError, activity: bigint): MultifdError {
  if (error.code !== 'internal') return error;
  const atWork = activity === ACTIVITY_CHECKING || activity === ACTIVITY_OPENING;
  if (!atWork && !comesFrom(accelerator?.module, error.cause)) return error;
  const name = accelerator?.name ?? 'none';
  return new MultifdError('accelerator', `accelerator ${name} took its thread down: ${error.message}`, {
    cause: error,
  });
}

/** Whether the folder of a module is on an error's stack: it threw when nobody was waiting for it. */
function comesFrom(module: string | undefined, cause: unknown): boolean {
  if (module === undefined || !URL.canParse(module) || !(cause instanceof Error)) return false;
  return cause.stack?.includes(new URL('.', module).href) === true;
}

/** A QEMU destination that expects another number of channels says nothing: it closes, or its process dies. */
export function refusedEarly(error: MultifdError): MultifdError {
  return new MultifdError('peer-closed', error.message, {
    cause: error,
    hint: "see the destination's own message; multifd-channels and multifd-compression must be the same on both ends",
  });
}
