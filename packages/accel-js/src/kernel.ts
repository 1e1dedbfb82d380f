/**
 * The portable answer to "is this page all zero?": a page is zero exactly if every one of its bytes is 0.
 *
 * Pages are compared one at a time, never as one long run, although one native call for a run of neighbours is
 * up to twice as fast. The guest may be writing while we read, and `memcmp` over changing memory can answer
 * "equal" for its whole range without having looked at all of it (most likely it finds a difference, reads that
 * byte again to report it, and finds it cleared). Within a page that is harmless, for the page is dirty and comes
 * again. Across pages it loses a neighbour that nobody wrote to: `bench/race.mjs` shows it happening.
 */

/**
 * Most bytes that one native call compares. The zeros on the other side have to stay in the first-level data
 * cache beside the memory that streams through it: with 16 KiB and more, memory out of cache is read at two
 * thirds of the speed.
 */
const LARGEST_COMPARE = 8192;

/**
 * Checks the pages at `offsets[0..count)` of `memory` and writes 1 or 0 to the same places of `isZero`.
 * Keeps none of its arguments and allocates nothing; reads `memory` only.
 * @throws RangeError for an offset without a whole page behind it, unless its first bytes already say "not zero".
 */
export type CheckPages = (
  memory: Uint8Array,
  offsets: Float64Array,
  count: number,
  isZero: Uint8Array,
) => void;

/** Makes the check for pages of `pageSize` bytes: a power of two, at least 64. */
export function createCheckPages(pageSize: number): CheckPages {
  const step = Math.min(pageSize, LARGEST_COMPARE);
  const zeros = Buffer.alloc(step);

  return (memory, offsets, count, isZero) => {
    for (let i = 0; i < count; i++) {
      const start = offsets[i];
      const end = start + pageSize;
      let at = start;
      // The low bytes of four words in the first cache line turn away nearly all used pages for a third of what
      // a native call costs. Looking further into the page slows zero pages down (prefetching, most likely).
      if ((memory[at] | memory[at + 8] | memory[at + 16] | memory[at + 24]) === 0) {
        while (at < end && zeros.compare(memory, at, at + step) === 0) at += step;
      }
      isZero[i] = at === end ? 1 : 0;
    }
  };
}
