import type { MethodOptions, SendHooks } from '@multifd/core/codec';
import type { NativePacker } from './binding.js';
import { PayloadArena } from './payload-arena.js';

/** One channel's sending end. */
export function packingHooks(packer: NativePacker, { pageSize, maxPages }: MethodOptions): SendHooks {
  const arena = new PayloadArena(mostFor(pageSize * maxPages));
  return {
    prepare: ({ vectors }) => arena.keep(packer.pack(vectors, arena.room())),
    cleanup: () => packer.close(),
  };
}

/**
 * Bytes that are enough for a payload of `size` bytes of pages, whatever they hold. What cannot be compressed is stored:
 * zlib adds 5 bytes for each 16 KiB at worst, zstd 3 for each 128 KiB, and both a few for the flush.
 */
function mostFor(size: number): number {
  return size + (size >>> 8) + 1024;
}
