import type { DirtyBitmap } from '../ram/dirty-bitmap.js';
import { RANGE_SIZE, type Range } from '../ram/ranges.js';
import type { SendingBlock } from '../ram/sending-block.js';

/** Answers for one page. */
export const PAGE_NORMAL = 0;
export const PAGE_ZERO = 1;
/** Absent, so zero, but zero-page detection is off: a normal page whose memory must not be read. */
export const PAGE_ABSENT = 2;

const NOTHING = new Uint8Array(0);

/** A range that the sending thread has claimed, with its block and its dirty bits. */
export interface ClaimedRange {
  /** Its number in claim order; returned with the answers. */
  readonly index: number;
  readonly range: Range;
  readonly sending: SendingBlock;
  readonly dirty: DirtyBitmap;
}

/**
 * One range's dirty pages: taken, and classified once its group is checked. Owned by the group, which reuses it for
 * another range.
 */
export class ScannedRange {
  readonly #pageSize: number;
  /** The range's dirty bits as they were taken. */
  readonly #bits: Int32Array;
  #claimed: ClaimedRange | undefined;
  readonly #offsets: Float64Array;
  readonly #answers: Uint8Array;
  #count = 0;
  #isZeroRange = false;
  /** The range's bytes, if any page is present: guest memory, or a copy where the block is not in place. */
  memory: Uint8Array = NOTHING;

  constructor(pageSize: number) {
    const pages = RANGE_SIZE / pageSize;
    this.#pageSize = pageSize;
    this.#bits = new Int32Array(Math.ceil(pages / 32));
    this.#offsets = new Float64Array(pages);
    this.#answers = new Uint8Array(pages);
  }

  get claimed(): ClaimedRange {
    if (this.#claimed === undefined) throw new Error('no range was taken');
    return this.#claimed;
  }

  /**
   * Every page of the range is dirty, absent and answered `PAGE_ZERO`: no page of it was looked at, and none is listed
   * unless somebody asks for the pages.
   */
  get isZeroRange(): boolean {
    return this.#isZeroRange;
  }

  /** Number of dirty pages in the range. */
  get count(): number {
    this.#list();
    return this.#count;
  }

  /** Byte offsets in the block, ascending; the first `count`. */
  get offsets(): Float64Array {
    this.#list();
    return this.#offsets;
  }

  /** `PAGE_NORMAL`, `PAGE_ZERO` or `PAGE_ABSENT` for each of `offsets`. */
  get answers(): Uint8Array {
    this.#list();
    return this.#answers;
  }

  /** Drops its view: the garbage collector counts a view of a mapping as that much memory. */
  release(): void {
    this.memory = NOTHING;
  }

  /** Takes the range's dirty bits. Call it before asking what is absent and before reading any byte. */
  take(claimed: ClaimedRange): void {
    this.#claimed = claimed;
    this.release();
    const { range, dirty } = claimed;
    const firstWord = range.offset / this.#pageSize / 32;
    const words = Math.ceil(range.length / this.#pageSize / 32);
    for (let word = 0; word < words; word++) this.#bits[word] = dirty.takeWord(firstWord + word);
    this.#count = 0;
    this.#isZeroRange = false;
  }

  /** Lists the pages of a zero range. */
  #list(): void {
    if (!this.#isZeroRange) return;
    this.#isZeroRange = false;
    this.#listOffsets();
    this.#answers.fill(PAGE_ZERO, 0, this.#count);
  }

  #listOffsets(): void {
    const offsets = this.#offsets;
    const { range } = this.claimed;
    const pageSize = this.#pageSize;
    const pages = range.length / pageSize;
    let count = 0;
    for (let word = 0; word * 32 < pages; word++) {
      const bits = (this.#bits[word] ?? 0) & validBits(pages - word * 32);
      const base = range.offset + word * 32 * pageSize;
      if (bits === -1) {
        for (let page = 0; page < 32; page++) offsets[count++] = base + page * pageSize;
        continue;
      }
      for (let rest = bits; rest !== 0; rest &= rest - 1) {
        const bit = 31 - Math.clz32(rest & -rest);
        offsets[count++] = base + bit * pageSize;
      }
    }
    this.#count = count;
  }

  /** Whether every page of the range is dirty. */
  #isAllDirty(): boolean {
    const pages = this.claimed.range.length / this.#pageSize;
    for (let word = 0; word * 32 < pages; word++) {
      const valid = validBits(pages - word * 32);
      if (((this.#bits[word] ?? 0) & valid) !== valid) return false;
    }
    return true;
  }

  /**
   * Answers pages that need no check, copies the dirty pages of a block that is not in place to `memory`, and reports
   * the pages to check.
   * @param ofAbsent the answer for an absent page.
   * @param look called with the index of each page to check, ascending.
   */
  fetch(ofAbsent: number, look: (index: number) => void): void {
    const { range, sending } = this.claimed;
    // What is known of the first page, if that was asked already.
    let first: number | undefined;
    if (ofAbsent === PAGE_ZERO && this.#isAllDirty()) {
      first = sending.absentToSend(range.offset, range.length);
      this.#isZeroRange = first >= range.length;
      if (this.#isZeroRange) return;
    }
    this.#listOffsets();
    const count = this.#count;
    const offsets = this.#offsets;
    const answers = this.#answers;
    const rangeEnd = range.offset + range.length;
    let knownTo = range.offset;
    let absent = false;
    // For a block that is not in place: a run of dirty pages yet to be read.
    let from = range.offset;
    let to = range.offset;
    for (let index = 0; index < count; index++) {
      const offset = offsets[index] ?? 0;
      // Untouched guests are all like this: no more than a comparison for each page.
      if (absent && offset < knownTo) {
        answers[index] = ofAbsent;
        continue;
      }
      if (offset >= knownTo) {
        const known = first ?? sending.absentToSend(offset, rangeEnd - offset);
        first = undefined;
        absent = known > 0;
        // A partly absent page has data.
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

  /** Copies dirty pages only: what is read here counts as sent (digests of what the other end has). */
  #copy(from: number, to: number): void {
    const { range, sending } = this.claimed;
    if (sending.inPlace || from === to) return;
    sending.readToSend(from, to - from, this.memory.subarray(from - range.offset, to - range.offset));
  }
}

/** Mask of a word's bits that stand for pages: a writer may have marked bits past the block's end. */
function validBits(pages: number): number {
  return pages < 32 ? (1 << pages) - 1 : -1;
}
