import type { RamBlock } from '../ram/block.js';
import type { DirtyBitmap } from '../ram/dirty-bitmap.js';
import { RANGE_SIZE, type Range } from '../ram/ranges.js';

/** Answers for one page. */
export const PAGE_NORMAL = 0;
export const PAGE_ZERO = 1;

/** A range that somebody has claimed, and where its bytes and its dirty bits are. */
export interface ClaimedRange {
  /** Its number, in the order in which ranges are claimed; handed back with the answers. */
  readonly index: number;
  readonly range: Range;
  readonly block: RamBlock;
  readonly dirty: DirtyBitmap;
}

/**
 * One range's dirty pages, taken and, once its group is checked, classified. Owned by the group, which uses it again
 * for another range.
 */
export class ScannedRange {
  readonly #pageSize: number;
  #claimed: ClaimedRange | undefined;
  #memory: Uint8Array = new Uint8Array(0);
  /** Dirty pages in the range. */
  count = 0;
  /** Byte offsets in the block, ascending; the first `count`. */
  readonly offsets: Float64Array;
  /** `PAGE_NORMAL` or `PAGE_ZERO` for each. */
  readonly answers: Uint8Array;

  constructor(pageSize: number) {
    const pages = RANGE_SIZE / pageSize;
    this.#pageSize = pageSize;
    this.offsets = new Float64Array(pages);
    this.answers = new Uint8Array(pages);
  }

  get claimed(): ClaimedRange {
    if (this.#claimed === undefined) throw new Error('no range was taken');
    return this.#claimed;
  }

  /** The range's bytes: guest memory, or a copy where its pages were read from a file. */
  get memory(): Uint8Array {
    return this.#memory;
  }

  /** Takes the range's dirty bits, before any of its bytes is read. */
  take(claimed: ClaimedRange): void {
    this.#claimed = claimed;
    const { range, dirty } = claimed;
    const { offsets } = this;
    const pageSize = this.#pageSize;
    const firstWord = range.offset / pageSize / 32;
    const pages = range.length / pageSize;
    const words = Math.ceil(pages / 32);
    let count = 0;
    for (let word = 0; word < words; word++) {
      let bits = dirty.takeWord(firstWord + word);
      const valid = pages - word * 32;
      // A writer may have marked what is behind the block's end.
      if (valid < 32) bits &= (1 << valid) - 1;
      const base = range.offset + word * 32 * pageSize;
      while (bits !== 0) {
        const bit = 31 - Math.clz32(bits & -bits);
        bits &= bits - 1;
        offsets[count++] = base + bit * pageSize;
      }
    }
    this.count = count;
  }

  /**
   * Answers what needs no look, brings a file's bytes into `scratch`, and says which pages have to be looked at.
   * @param scratch `RANGE_SIZE` bytes, used if the block is not in place; lent until the range is done with. Absent
   *   pages are not written to it if `detects`.
   * @param detects whether somebody looks for zero pages at all; if not, every page is normal.
   * @param look called with the index of each page to be looked at, ascending.
   */
  fetch(scratch: Uint8Array, detects: boolean, look: (index: number) => void): void {
    const { range, block } = this.claimed;
    const { count, offsets, answers } = this;
    this.#memory = block.inPlace ? block.read(range.offset, range.length, scratch) : scratch;
    const rangeEnd = range.offset + range.length;
    let knownTo = range.offset;
    let absent = false;
    for (let index = 0; index < count; index++) {
      const offset = offsets[index] ?? 0;
      if (offset >= knownTo) {
        const known = block.absent(offset, rangeEnd - offset);
        absent = known > 0;
        // A page that is absent only in part has data.
        const length = Math.abs(known);
        const pages = absent ? Math.floor(length / this.#pageSize) : Math.ceil(length / this.#pageSize);
        if (absent && pages === 0) absent = false;
        knownTo = offset + Math.max(1, pages) * this.#pageSize;
        if (!block.inPlace) {
          const end = Math.min(knownTo, rangeEnd);
          const target = scratch.subarray(offset - range.offset, end - range.offset);
          if (!absent) block.read(offset, end - offset, target);
          else if (!detects) target.fill(0);
        }
      }
      answers[index] = absent && detects ? PAGE_ZERO : PAGE_NORMAL;
      if (!absent) look(index);
    }
  }
}
