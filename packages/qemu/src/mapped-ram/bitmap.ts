import type { ByteSource } from '../stream/byte-source.js';
import { bitmapSize } from './header.js';

/** Bytes of a bitmap that are looked at in one piece. */
const CHUNK = 64 * 1024;

/**
 * Walks over the pages that a block's bitmap marks, as runs [first, end) of page numbers, ascending and apart.
 * @param pages number of pages of the block; bits behind them are ignored.
 */
export function* pageRuns(
  source: ByteSource,
  bitmapOffset: number,
  pages: number,
): Generator<readonly [number, number]> {
  const size = bitmapSize(pages);
  const chunk = new Uint8Array(Math.min(CHUNK, size));
  let first = -1;
  for (let start = 0; start < size; start += chunk.length) {
    const bytes = chunk.subarray(0, Math.min(chunk.length, size - start));
    source.read(bitmapOffset + start, bytes);
    for (let index = 0; index < bytes.length; index++) {
      const byte = bytes[index] ?? 0;
      const page = (start + index) * 8;
      if ((byte === 0 && first < 0) || (byte === 0xff && first >= 0)) continue;
      for (let bit = 0; bit < 8 && page + bit < pages; bit++) {
        const isSet = (byte & (1 << bit)) !== 0;
        if (isSet && first < 0) first = page + bit;
        if (isSet || first < 0) continue;
        yield [first, page + bit];
        first = -1;
      }
    }
  }
  if (first >= 0) yield [first, pages];
}

/** Number of pages that the bitmap marks. */
export function countPages(source: ByteSource, bitmapOffset: number, pages: number): number {
  let count = 0;
  for (const [first, end] of pageRuns(source, bitmapOffset, pages)) count += end - first;
  return count;
}

/** A bitmap as the file has it, of core's `DirtyBitmap` words: 32 pages a word, the lowest bit first. */
export function encodeBitmap(words: Int32Array, pages: number): Uint8Array {
  const bytes = new Uint8Array(bitmapSize(pages));
  const view = new DataView(bytes.buffer);
  const count = Math.ceil(pages / 32);
  for (let word = 0; word < count; word++) {
    const used = Math.min(32, pages - word * 32);
    const mask = used === 32 ? -1 : (1 << used) - 1;
    view.setInt32(word * 4, (words[word] ?? 0) & mask, true);
  }
  return bytes;
}
