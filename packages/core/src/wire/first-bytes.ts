import { readU32 } from './bytes.js';
import { CHANNEL_MAGIC, MAIN_MAGIC } from './layout.js';

/**
 * Classifies a new connection by its first four bytes: the main stream, a multifd channel, or not a migration (also
 * for fewer than four bytes). QEMU takes everything but main for a channel (docs/wire.md, 1); `foreign` lets us
 * refuse such a connection with a message that says what it is.
 */
export function classify(first4: Uint8Array): 'main' | 'channel' | 'foreign' {
  if (first4.length < 4) return 'foreign';
  const magic = readU32(first4, 0);
  if (magic === MAIN_MAGIC) return 'main';
  return magic === CHANNEL_MAGIC ? 'channel' : 'foreign';
}
