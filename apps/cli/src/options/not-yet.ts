import { MultifdError } from '@multifd/core';
import { quote } from './sizes.js';

/** What to say to a kind of place that a later version brings. */
export function notInThisVersion(what: string, text: string, hint: string): MultifdError {
  return new MultifdError('usage', `${what} ${quote(text)}: file: is not available in this version`, {
    hint,
  });
}
