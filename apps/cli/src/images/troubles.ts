import { MultifdError } from '@multifd/core';

/** What went wrong, in a line, for a caller who has to go on. */
export function troubles(what: string, call: () => void): string[] {
  try {
    call();
    return [];
  } catch (cause) {
    return [MultifdError.from(cause, 'io', what).message];
  }
}
