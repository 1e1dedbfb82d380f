import { type IncomingBlock, MultifdError } from '@multifd/core';
import { formatBytes } from '../report/format.js';
import { parseSize, quote } from './sizes.js';

/**
 * Bytes of RAM that a source may announce unless --max-ram says something else. Memory that is never touched costs
 * next to nothing, so that this may be far more than the machine has; but reserving its addresses takes seconds for
 * each TiB, in which this process hears nobody, not even Ctrl-C.
 */
export const DEFAULT_MAX_RAM = 2 ** 40;

/** @throws MultifdError `usage` for what is no size, or none that a guest could have. */
export function parseMaxRam(text: string): number {
  const bytes = parseSize(text, '--max-ram');
  if (bytes >= 4096) return bytes;
  throw new MultifdError('usage', `--max-ram ${quote(text)}: no guest is smaller than 4K`, {
    hint: `leave it out for ${formatBytes(DEFAULT_MAX_RAM)}`,
  });
}

/** To be asked before anything is made for the blocks. @throws MultifdError `incompatible` if they are too much. */
export function checkAnnouncedRam(blocks: readonly IncomingBlock[], most: number): void {
  const total = blocks.reduce((sum, block) => sum + block.length, 0);
  if (total <= most) return;
  throw new MultifdError(
    'incompatible',
    `the source announces ${formatBytes(total)} of RAM, and at most ${formatBytes(most)} are accepted`,
    { hint: 'if this is the right source and its guest is that large, give --max-ram SIZE' },
  );
}
