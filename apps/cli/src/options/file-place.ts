import { MultifdError } from '@multifd/core';
import { parseSize, quote } from './sizes.js';

/** Where a migration file's stream is. */
export interface FilePlace {
  readonly path: string;
  /** Bytes; undefined: it was not said, and the file's first bytes tell. */
  readonly offset?: number;
}

/**
 * A migration file as QEMU writes it: `PATH`, or `PATH,offset=N`, with N as a size or in hex. As in QEMU the first
 * `,offset=` ends the path. But a file that has all of the words as its name is meant as it is: `receive` can write
 * such files, QEMU cannot.
 * @param exists whether there is a file of this name.
 * @throws MultifdError `usage` for an offset that is none.
 */
export function parseFilePlace(text: string, exists: (path: string) => boolean): FilePlace {
  const option = ',offset=';
  const cut = text.indexOf(option);
  if (cut < 0 || exists(text)) return { path: text };
  const path = text.slice(0, cut);
  if (path === '') throw new MultifdError('usage', `file ${quote(text)}: no path before the offset`);
  const number = text.slice(cut + option.length);
  const hex = /^0x[0-9a-f]{1,13}$/i.test(number) ? Number(number) : undefined;
  const offset = hex ?? parseSize(number, `file ${quote(path)}: offset`);
  return { path, offset };
}
