import { MultifdError } from '../errors.js';
import type { MigrationParameters } from '../parameters.js';
import { QEMU_METHODS } from '../wire/layout.js';
import { AUTO } from './registry.js';

/** What is said of a method that does not do its work: the same on both ends, and in a relay. */

/**
 * The method that has a thread.
 * @param flag its compression bits: with `auto` the parameter does not name it.
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

/** @param error what is known of the thread's end, which names the thread. */
export function methodTookDown(method: string, error: MultifdError, setup: boolean): MultifdError {
  const code = setup ? 'codec-unavailable' : 'codec';
  return new MultifdError(code, `multifd method ${method} took its thread down: ${error.message}`, {
    cause: error,
  });
}

/**
 * Loading a method, or setting it up, may never end.
 * @param late in how many threads it has not, and after what time.
 */
export function methodNotReady({ multifdCompression }: MigrationParameters, late: string): MultifdError {
  return new MultifdError('codec-unavailable', `multifd method ${multifdCompression}: not ready ${late}`);
}
