import type { DirtyBitmap } from '../ram/dirty-bitmap.js';
import { RANGE_SIZE, type Range } from '../ram/ranges.js';
import type { SendingBlock } from '../ram/sending-block.js';

/** Answers for one page. */
export const PAGE_NORMAL = 0;
export const PAGE_ZERO = 1;
/** Absent and so zero, but nobody checks for zero pages: a normal page whose bytes are not to be touched. */
export const PAGE_HOLE = 2;

const NOTHING = new Uint8Array(0);

/** A range that a thread has claimed that sends it, and where its bytes and its dirty bits are. */
export interface ClaimedRange {
  /** Its number, in the order in which ranges are claimed; handed back with the answers. */
  readonly index: number;
  readonly range: Range;
  readonly sending: SendingBlock;
  readonly dirty: DirtyBitmap;
}

/**
 * One range's dirty pages, taken and, once its group is checked, classified. Owned by the group, which uses it again
 * for another range.
 */
export class ScannedRange {
  readonly #pageSize: number;
  #claimed: ClaimedRange | undefined;
  /** Dirty pages in the range. */
  count = 0;
  /** Byte offsets in the block, ascending; the first `count`. */
  readonly offsets: Float64Array;
  /** `PAGE_NORMAL`, `PAGE_ZERO` or `PAGE_HOLE` for each. */
  readonly answers: Uint8Array;
  /** The range's bytes, if there is a page that is not absent: guest memory, or a copy where it is not in place. */
  memory: Uint8Array = NOTHING;

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

  /** Lets go of its memory: a view of a mapping counts as that much memory for the garbage collector. */
  release(): void {
    this.memory = NOTHING;
  }

  /** Takes the range's dirty bits, before it is asked what is absent and before any of its bytes is read. */
  take(claimed: ClaimedRange): void {
    this.#claimed = claimed;
    this.release();
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
   * Answers what needs no look, brings the dirty pages of a block that is not in place into `memory`, and says which pages have to be looked at.
   * @param ofAbsent the answer for a page that is absent.
   * @param look called with the index of each page to be looked at, ascending.
   */
  fetch(ofAbsent: number, look: (index: number) => void): void {
    const { range, sending } = this.claimed;
    const { count, offsets, answers } = this;
    const rangeEnd = range.offset + range.length;
    let knownTo = range.offset;
    let absent = false;
    // Of a block that is not in place: dirty pages in a row that are still to be read.
    let from = range.offset;
    let to = range.offset;
    for (let index = 0; index < count; index++) {
      const offset = offsets[index] ?? 0;
      if (offset >= knownTo) {
        const known = sending.absentToSend(offset, rangeEnd - offset);
        absent = known > 0;
        // A page that is absent only in part has data.
        const length = Math.abs(known);
        const pages = absent ? Math.floor(length / this.#pageSize) : Math.ceil(length / this.#pageSize);
        if (absent && pages === 0) absent = false;
        knownTo = offset + Math.max(1, pages) * this.#pageSize;
      }
      answers[index] = absent ? ofAbsent : PAGE_NORMAL;
      if (absent) continue;
      look(index);
      if (offset !== to) {
        this.#copy(from, to);
        from = offset;
      }
      to = offset + this.#pageSize;
    }
    this.#copy(from, to);
  }

  /** Clean pages are not read: what is read here counts as sent (digests of what the other end has). */
  #copy(from: number, to: number): void {
    const { range, sending } = this.claimed;
    if (sending.inPlace || from === to) return;
    sending.readToSend(from, to - from, this.memory.subarray(from - range.offset, to - range.offset));
  }
}
