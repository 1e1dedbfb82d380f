import { readU32 } from './bytes.js';
import { CHANNEL_MAGIC, MAIN_MAGIC } from './layout.js';

/**
 * What a new connection is, from its first four bytes: the main stream, a multifd channel, or something that is
 * no migration (fewer than four bytes too). QEMU takes everything but main for a channel (docs/wire.md, 1); the
 * third answer lets a stranger be turned away by name.
 */
export function classify(first4: Uint8Array): 'main' | 'channel' | 'foreign' {
  if (first4.length < 4) return 'foreign';
  const magic = readU32(first4, 0);
  if (magic === MAIN_MAGIC) return 'main';
  return magic === CHANNEL_MAGIC ? 'channel' : 'foreign';
}
