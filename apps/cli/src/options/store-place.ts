import { MultifdError } from '@multifd/core';
import { quote } from './sizes.js';

/** A snapshot in a store on a disk. */
export interface StorePlace {
  readonly directory: string;
  readonly name: string;
}

const NAME = /^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$/;

/**
 * `DIR#NAME`, with or without `store:`. The last `#` ends the directory, as no name has one.
 * @param what for messages: `source`, `target`, `snapshot`.
 * @throws MultifdError `usage`
 */
export function parseStorePlace(text: string, what: string): StorePlace {
  const place = text.startsWith('store:') ? text.slice(6) : text;
  const cut = place.lastIndexOf('#');
  const directory = place.slice(0, cut);
  const name = place.slice(cut + 1);
  if (cut < 1 || directory.includes('\0')) {
    throw new MultifdError(
      'usage',
      `${what} ${quote(text)}: a store and the name of a snapshot belong here`,
      {
        hint: 'write store:DIR#NAME',
      },
    );
  }
  if (!NAME.test(name)) {
    throw new MultifdError('usage', `${what} ${quote(text)}: ${quote(name)} is not a name for a snapshot`, {
      hint: 'up to 128 letters, digits, dots, dashes and underscores, and no dot or dash first',
    });
  }
  return { directory, name };
}

/** `DIR`, with or without `store:`. @throws MultifdError `usage` */
export function parseStoreDirectory(text: string): string {
  const directory = text.startsWith('store:') ? text.slice(6) : text;
  if (directory !== '' && !directory.includes('\0')) return directory;
  throw new MultifdError('usage', `store ${quote(text)}: no directory`, { hint: 'write DIR' });
}
