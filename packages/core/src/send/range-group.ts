import { RANGE_SIZE } from '../ram/ranges.js';
import type { PageChecker } from '../zero/page-checker.js';
import { type ClaimedRange, PAGE_ABSENT, PAGE_NORMAL, PAGE_ZERO, ScannedRange } from './scanned-range.js';

/** Most ranges in one group: 256 MiB of the block, of which few pages may be dirty. */
const MOST_RANGES = 64;

const DONE = Promise.resolve();

/**
 * Ranges whose pages are checked in one call, to make the large batches that some accelerators prefer. They share one
 * block and lie in memory that one view can cover. For an accelerator that takes one batch at a time, a group of one.
 */
export class RangeGroup {
  readonly #pageSize: number;
  readonly #checker: PageChecker | undefined;
  /** Most pages to check. */
  readonly #capacity: number;
  readonly #ranges: ScannedRange[] = [];
  #used = 0;
  #looks = 0;
  /** Byte offsets in the block: start of the lowest range with a page to check, and end of the highest. */
  #start = Number.POSITIVE_INFINITY;
  #end = 0;
  /**
   * For each page to check: byte offset in the memory passed to the checker, its range, and its index in the range.
   */
  readonly #lookOffsets: Float64Array;
  readonly #lookRanges: Int32Array;
  readonly #lookIndexes: Int32Array;
  readonly #lookAnswers: Uint8Array;
  /** Copies of ranges that are not in place, back to back. */
  #scratch: Uint8Array = new Uint8Array(0);
  #checked: Promise<void> = DONE;

  constructor(pageSize: number, checker: PageChecker | undefined) {
    const pagesOfRange = RANGE_SIZE / pageSize;
    const several = checker !== undefined && checker.inFlight > 1;
    this.#pageSize = pageSize;
    this.#checker = checker;
    this.#capacity = several ? Math.max(pagesOfRange, checker.preferredBatch) : pagesOfRange;
    this.#lookOffsets = new Float64Array(this.#capacity);
    this.#lookRanges = new Int32Array(this.#capacity);
    this.#lookIndexes = new Int32Array(this.#capacity);
    this.#lookAnswers = new Uint8Array(this.#capacity);
  }

  /** Number of ranges. Their answers are valid once `checked` resolves. */
  get size(): number {
    return this.#used;
  }

  /** A range, in the order of `add`; valid until `clear`. @param index 0 to `size - 1`. */
  at(index: number): ScannedRange {
    return this.#ranges[index] ?? this.#range(index);
  }

  /** Resolves when the check is done; rejects with a MultifdError if it failed. A dropped group need not await it. */
  get checked(): Promise<void> {
    return this.#checked;
  }

  /** Empties the group for reuse and releases its memory, that of files included. */
  clear(): void {
    for (let number = 0; number < this.#used; number++) this.#range(number).release();
    this.#used = 0;
    this.#looks = 0;
    this.#start = Number.POSITIVE_INFINITY;
    this.#end = 0;
  }

  /** Whether `claimed` can be added: there is room, and one view can cover its memory and the group's. */
  takes(claimed: ClaimedRange): boolean {
    const pages = claimed.range.length / this.#pageSize;
    if (this.#used === 0) return true;
    if (this.#used === MOST_RANGES || this.#looks + pages > this.#capacity) return false;
    const { sending, range } = this.at(0).claimed;
    if (sending !== claimed.sending) return false;
    if (!sending.inPlace) return (this.#used + 1) * RANGE_SIZE <= this.#capacity * this.#pageSize;
    const { windowSize } = sending.block;
    return Math.floor(range.offset / windowSize) === Math.floor(claimed.range.offset / windowSize);
  }

  /** Adds a range that the group `takes`, and takes its dirty pages. */
  add(claimed: ClaimedRange): void {
    const { range, sending } = claimed;
    const number = this.#used++;
    const scanned = this.#range(number);
    const before = this.#looks;
    scanned.take(claimed);
    if (!sending.inPlace) scanned.memory = this.#scratchOf(number);
    scanned.fetch(this.#checker === undefined ? PAGE_ABSENT : PAGE_ZERO, (index) => {
      this.#lookRanges[this.#looks] = number;
      this.#lookIndexes[this.#looks++] = index;
    });
    if (this.#looks === before) return;
    this.#start = Math.min(this.#start, range.offset);
    this.#end = Math.max(this.#end, range.offset + range.length);
  }

  /** Starts checking the added ranges. @returns whether there is anything to wait for. */
  check(): boolean {
    if (this.#looks === 0) {
      this.#checked = DONE;
      return false;
    }
    this.#checked = this.#check();
    // Mark the rejection handled: a dropped group is never awaited.
    this.#checked.catch(() => {});
    return true;
  }

  async #check(): Promise<void> {
    const { block, inPlace } = this.at(0).claimed.sending;
    // Map it only when needed: the garbage collector counts a view of a mapping as that much memory.
    const memory = inPlace ? this.#view() : this.#scratch;
    if (this.#checker === undefined) return;
    this.#placeLooks(inPlace);
    const wasmMemory = inPlace ? block.wasmMemory?.(this.#start) : undefined;
    await this.#checker.check(memory, this.#lookOffsets, this.#looks, this.#lookAnswers, wasmMemory);
    for (let look = 0; look < this.#looks; look++) {
      const { answers } = this.at(this.#lookRanges[look] ?? 0);
      answers[this.#lookIndexes[look] ?? 0] = this.#lookAnswers[look] ?? PAGE_NORMAL;
    }
  }

  /** Guest memory from the lowest range with a page to check to the end of the highest: within one window. */
  #view(): Uint8Array {
    const { sending } = this.at(0).claimed;
    const view = sending.readToSend(this.#start, this.#end - this.#start, this.#scratch);
    for (let number = 0; number < this.#used; number++) {
      const scanned = this.at(number);
      const { offset, length } = scanned.claimed.range;
      if (offset < this.#start || offset >= this.#end) continue;
      scanned.memory = view.subarray(offset - this.#start, offset - this.#start + length);
    }
    return view;
  }

  /** Computes each page's offset in the memory passed to the checker. */
  #placeLooks(inPlace: boolean): void {
    for (let look = 0; look < this.#looks; look++) {
      const number = this.#lookRanges[look] ?? 0;
      const { offsets, claimed } = this.at(number);
      const offset = offsets[this.#lookIndexes[look] ?? 0] ?? 0;
      this.#lookOffsets[look] = inPlace
        ? offset - this.#start
        : offset - claimed.range.offset + number * RANGE_SIZE;
    }
  }

  #range(number: number): ScannedRange {
    const range = this.#ranges[number] ?? new ScannedRange(this.#pageSize);
    this.#ranges[number] = range;
    return range;
  }

  #scratchOf(number: number): Uint8Array {
    const most = Math.max(1, Math.floor((this.#capacity * this.#pageSize) / RANGE_SIZE));
    // Shared, so that an accelerator whose device lives in another thread needs no second copy.
    if (this.#scratch.length === 0) this.#scratch = new Uint8Array(new SharedArrayBuffer(most * RANGE_SIZE));
    return this.#scratch.subarray(number * RANGE_SIZE, (number + 1) * RANGE_SIZE);
  }
}
