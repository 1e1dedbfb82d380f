import { MultifdError } from '../errors.js';
import type { MigrationParameters } from '../parameters.js';
import { QEMU_METHODS } from '../wire/layout.js';
import { AUTO } from './shape.js';

/** Errors about a failing method, worded the same on both ends and in a relay. */

/**
 * Name of the method that runs in a thread.
 * @param flag its compression bits, as the parameter does not name it with `auto`.
 */
export function methodName({ multifdCompression }: MigrationParameters, flag: number): string {
  if (multifdCompression !== AUTO) return multifdCompression;
  return QEMU_METHODS.get(flag) ?? `with flag 0x${flag.toString(16)}`;
}

/** @param who the thread: `channel 3`. */
export function methodHangs(
  who: string,
  method: string,
  { stallTimeout }: MigrationParameters,
): MultifdError {
  return new MultifdError(
    'codec',
    `${who}: multifd method ${method} did not come back within ${2 * stallTimeout} ms`,
    { hint: 'or the memory that it should read or write cannot be reached (a hung disk)' },
  );
}

/** The error for a method that killed its thread. @param error the thread's end; its message names the thread. */
export function methodTookDown(method: string, error: MultifdError, setup: boolean): MultifdError {
  const code = setup ? 'codec-unavailable' : 'codec';
  return new MultifdError(code, `multifd method ${method} took its thread down: ${error.message}`, {
    cause: error,
  });
}

/**
 * The error for a method that was not loaded and set up in time.
 * @param late the number of late threads and the time they had, for the message.
 */
export function methodNotReady({ multifdCompression }: MigrationParameters, late: string): MultifdError {
  return new MultifdError('codec-unavailable', `multifd method ${multifdCompression}: not ready ${late}`);
}
