import { brotliCompressSync, constants } from 'node:zlib';

/**
 * From 5 on it is slower than most lines.
 * @type {import('@multifd/core/codec').MethodSetting}
 */
export const QUALITY = {
  name: 'brotli-quality',
  least: 0,
  most: 11,
  usual: 1,
  help: 'from 0, fastest, to 11, best',
};

/**
 * @param {import('@multifd/core/codec').MethodOptions} options
 * @returns {import('@multifd/core/codec').SendHooks}
 */
export function sending({ pageSize, maxPages, settings }) {
  const pages = Buffer.alloc(pageSize * maxPages);
  const params = { [constants.BROTLI_PARAM_QUALITY]: Number(settings[QUALITY.name] ?? QUALITY.usual) };
  return {
    prepare({ vectors }) {
      // One look at each byte: the guest may be writing, and a compressor looks more than once.
      let size = 0;
      for (const vector of vectors) {
        pages.set(vector, size);
        size += vector.length;
      }
      const payload = brotliCompressSync(pages.subarray(0, size), { params });
      // A buffer of its own for each packet, so there is nothing to release.
      return { vectors: [payload], size: payload.length };
    },
    cleanup() {},
  };
}
