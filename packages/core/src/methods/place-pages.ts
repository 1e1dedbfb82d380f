import type { IncomingPages } from './methods.js';

/**
 * Puts a packet's pages where they belong: for methods that make all of a packet's pages in one piece.
 *
 * @param bytes the pages side by side, in the order of `offsets`; the caller's, not kept. At least `count` pages.
 * @param pageSize bytes.
 * @throws MultifdError `io` if the block is in a file that cannot be written to.
 */
export function placePages(pages: IncomingPages, bytes: Uint8Array, pageSize: number): void {
  const { block, offsets, count } = pages;
  for (let first = 0; first < count; ) {
    const offset = offsets[first] ?? 0;
    let run = 1;
    while (first + run < count && offsets[first + run] === offset + run * pageSize) run++;
    block.write(offset, bytes.subarray(first * pageSize, (first + run) * pageSize));
    first += run;
  }
}
