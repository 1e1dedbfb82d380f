import type { MethodOptions, SendHooks } from '@multifd/core';
import type { NativePacker } from './binding.js';
import { PayloadArena } from './payload-arena.js';

/** One channel's sending end. */
export function packingHooks(packer: NativePacker, { pageSize, maxPages }: MethodOptions): SendHooks {
  // The pages are copied first: the guest may write while they are compressed, and both libraries look twice.
  const pages = new Uint8Array(pageSize * maxPages);
  const arena = new PayloadArena(mostFor(pages.length));
  return {
    prepare({ vectors }) {
      let size = 0;
      for (const vector of vectors) {
        pages.set(vector, size);
        size += vector.length;
      }
      return arena.keep(packer.pack(pages.subarray(0, size), arena.room()));
    },
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
