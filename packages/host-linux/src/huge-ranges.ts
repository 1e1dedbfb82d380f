/** Bytes of a huge page. */
const HUGE_PAGE = 2 ** 21;
/** A range becomes a huge page if at least this share of it is going to be written. */
const WORTH = 3 / 4;
/** Bytes that must have been seen for that to be judged. */
const SAMPLE = 128 * 1024;

/**
 * Finds ranges that are worth a huge page, in one thread, from what is announced.
 *
 * A huge page takes about as long as 128 small ones, however much is written to it, and the memory of 512. So a range is
 * worth one if three quarters of it are going to be written: that is certain to save time, and takes a third more memory at
 * most. An announcement (a packet: 512 KiB at most) that goes beyond a range holds less than a quarter of it. So the
 * question is only how its last range goes on. That is judged by the pages in that range and in the one before.
 */
export class HugeRanges {
  /** For each range of the block, 1 if it was found. */
  readonly #found: Uint8Array;

  /** @param length bytes of the block. */
  constructor(length: number) {
    this.#found = new Uint8Array(Math.floor(length / HUGE_PAGE));
  }

  /**
   * @param offsets in the block, ascending; the first `count` count.
   * @param pageSize bytes.
   * @returns the offset of a range that is worth a huge page; undefined if there is none, or it was found before.
   */
  find(offsets: Float64Array, count: number, pageSize: number): number | undefined {
    const last = offsets[count - 1];
    if (last === undefined) return undefined;
    const range = Math.floor(last / HUGE_PAGE);
    // What is no whole range has no huge page.
    if (this.#found[range] !== 0) return undefined;
    const border = (range - 1) * HUGE_PAGE;
    let first = count - 1;
    while (first > 0 && (offsets[first - 1] ?? 0) >= border) first--;
    const bytes = (count - first) * pageSize;
    const span = last + pageSize - (offsets[first] ?? 0);
    if (bytes < SAMPLE || bytes < span * WORTH) return undefined;
    this.#found[range] = 1;
    return range * HUGE_PAGE;
  }
}
