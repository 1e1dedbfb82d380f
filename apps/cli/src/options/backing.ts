import { MultifdError } from '@multifd/core';
import { quote } from './sizes.js';

/**
 * Where a guest's memory lives. `wasm`: shared WebAssembly memory, anywhere. The others are mappings of host-linux:
 * anonymous memory with huge pages where much is written, without any, and with huge pages wherever the kernel can; a
 * memfd; an unlinked file.
 */
export type Backing = 'wasm' | MappedBacking;
export type MappedBacking = 'auto' | 'anon' | 'thp' | 'memfd' | 'file';

const BACKINGS: readonly Backing[] = ['auto', 'anon', 'thp', 'memfd', 'file', 'wasm'];

/** @param what names the setting in messages. @throws MultifdError `usage` */
export function parseBacking(text: string, what: string): Backing {
  const found = BACKINGS.find((backing) => backing === text);
  if (found !== undefined) return found;
  throw new MultifdError('usage', `${what} must be one of ${BACKINGS.join(', ')}, got ${quote(text)}`);
}
