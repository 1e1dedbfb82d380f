import type { IncomingPages } from './methods.js';

/**
 * Writes a packet's pages to their block, for methods that decode all of a packet's pages into one buffer.
 *
 * @param bytes the pages back to back, in the order of `offsets`, at least `count`; owned by the caller, not kept.
 * @param pageSize bytes.
 * @throws MultifdError `io` if the block is in a file that cannot be written.
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
