import { brotliDecompressSync } from 'node:zlib';
import { placePages } from '@multifd/core/codec';

/**
 * Every packet stands alone here. A codec whose stream goes on over the packets keeps its state beside the buffer:
 * there is one of these for each channel.
 *
 * @param {import('@multifd/core/codec').MethodOptions} options
 * @returns {import('@multifd/core/codec').RecvHooks}
 */
export function receiving({ pageSize, maxPages }) {
  const buffer = Buffer.alloc(most(pageSize * maxPages));
  return {
    maxPayload: (count) => most(pageSize * count),
    async recv(pages, payload) {
      const coded = buffer.subarray(0, pages.payloadSize);
      await payload.read(coded);
      const wanted = pages.count * pageSize;
      // Bounded before anything is made of it: a bomb ends here.
      const { buffer: plain, engine } = brotliDecompressSync(coded, { info: true, maxOutputLength: wanted });
      if (plain.length !== wanted) throw new Error(`brotli: ${plain.length} bytes for pages of ${wanted}`);
      if (engine.bytesWritten !== coded.length) throw new Error('brotli: something is left over');
      // Nothing is written to before all of it has turned out to be right.
      placePages(pages, plain, pageSize);
    },
    cleanup() {},
  };
}

/** What brotli makes of `size` bytes of noise, and a little more. */
function most(size) {
  return size + (size >>> 8) + 1024;
}
