import { MultifdError } from '@multifd/core';
import { quote } from './sizes.js';
import { didYouMean } from './suggest.js';

/** @throws MultifdError `usage` that names `what`, the choices, and the one that was meant if it can be told. */
export function parseOneOf<const T extends string>(text: string, what: string, choices: readonly T[]): T {
  const found = choices.find((each) => each === text);
  if (found !== undefined) return found;
  const list = choices.join(', ');
  const meant = didYouMean(text, choices, '');
  throw new MultifdError(
    'usage',
    `${what} must be one of ${list}, got ${quote(text)}`,
    meant === '' ? {} : { hint: meant },
  );
}
