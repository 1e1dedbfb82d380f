import type { RamBlock } from '../ram/block.js';
import type { DirtyBitmap } from '../ram/dirty-bitmap.js';
import { RANGE_SIZE, type Range } from '../ram/ranges.js';
import type { PageChecker } from './page-checker.js';

/** Answers for one page. */
export const PAGE_NORMAL = 0;
export const PAGE_ZERO = 1;
/** Absent and so zero, but nobody checks for zero pages: a normal page whose bytes are not to be touched. */
export const PAGE_HOLE = 2;

/**
 * One range's dirty pages, taken and classified. Owned by the scanner; good until the next `scan`.
 */
export interface ScannedRange {
  /** Dirty pages in the range. */
  count: number;
  /** Byte offsets in the block, ascending; the first `count`. */
  readonly offsets: Float64Array;
  /** `PAGE_NORMAL`, `PAGE_ZERO` or `PAGE_HOLE` for each. */
  readonly answers: Uint8Array;
  /** The range's bytes, if there is a page that is not absent: guest memory, or a copy where it is a file's. */
  memory: Uint8Array;
}

/**
 * Takes a range's dirty pages and tells zero pages from normal ones: absent ranges without a look, the rest
 * through the accelerator. Without a checker (`zero-page-detection=none`) every page is normal.
 */
export class RangeScanner {
  readonly #pageSize: number;
  readonly #checker: PageChecker | undefined;
  readonly #absentAnswer: number;
  readonly #result: ScannedRange;
  /** Of the pages to be looked at: offset within the range, and index in the result. */
  readonly #lookOffsets: Float64Array;
  readonly #lookIndexes: Int32Array;
  readonly #lookAnswers: Uint8Array;

  constructor(pageSize: number, checker: PageChecker | undefined) {
    const pages = RANGE_SIZE / pageSize;
    this.#pageSize = pageSize;
    this.#checker = checker;
    this.#absentAnswer = checker === undefined ? PAGE_HOLE : PAGE_ZERO;
    this.#result = {
      count: 0,
      offsets: new Float64Array(pages),
      answers: new Uint8Array(pages),
      memory: new Uint8Array(0),
    };
    this.#lookOffsets = new Float64Array(pages);
    this.#lookIndexes = new Int32Array(pages);
    this.#lookAnswers = new Uint8Array(pages);
  }

  /**
   * @param scratch `RANGE_SIZE` bytes, used if the block is not in place; lent until the result is done with.
   *   Absent pages are not written to it.
   */
  async scan(range: Range, block: RamBlock, dirty: DirtyBitmap, scratch: Uint8Array): Promise<ScannedRange> {
    this.#take(range, dirty);
    const result = this.#result;
    const looks = this.#fetch(range, block, scratch);
    // Not before it is needed: a view of a mapping counts as that much memory for the garbage collector.
    if (!block.inPlace) result.memory = scratch;
    else if (looks > 0) result.memory = block.read(range.offset, range.length, scratch);
    if (this.#checker !== undefined && looks > 0) {
      const wasmMemory = block.wasmMemory?.(range.offset);
      await this.#checker.check(result.memory, this.#lookOffsets, looks, this.#lookAnswers, wasmMemory);
      for (let look = 0; look < looks; look++) {
        result.answers[this.#lookIndexes[look] ?? 0] = this.#lookAnswers[look] ?? PAGE_NORMAL;
      }
    }
    return result;
  }

  /** Takes the range's dirty bits, before any of its bytes is read. */
  #take(range: Range, dirty: DirtyBitmap): void {
    const { offsets } = this.#result;
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
    this.#result.count = count;
  }

  /** Answers what needs no look, brings a file's bytes into `scratch`, and lists the pages to be looked at. */
  #fetch(range: Range, block: RamBlock, scratch: Uint8Array): number {
    const { count, offsets, answers } = this.#result;
    const rangeEnd = range.offset + range.length;
    let looks = 0;
    let knownTo = range.offset;
    let absent = false;
    // Of a block that is not in place: dirty pages in a row that are still to be read.
    let from = range.offset;
    let to = range.offset;
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
      }
      answers[index] = absent ? this.#absentAnswer : PAGE_NORMAL;
      if (absent) continue;
      this.#lookOffsets[looks] = offset - range.offset;
      this.#lookIndexes[looks++] = index;
      if (offset !== to) {
        this.#copy(range, block, from, to, scratch);
        from = offset;
      }
      to = offset + this.#pageSize;
    }
    this.#copy(range, block, from, to, scratch);
    return looks;
  }

  /** Clean pages are not read: a block may take note of what was (digests of what the other end has). */
  #copy(range: Range, block: RamBlock, from: number, to: number, scratch: Uint8Array): void {
    if (block.inPlace || from === to) return;
    block.read(from, to - from, scratch.subarray(from - range.offset, to - range.offset));
  }
}
