import { RANGE_SIZE } from '../ram/ranges.js';
import type { PageChecker } from '../zero/page-checker.js';
import { type ClaimedRange, PAGE_HOLE, PAGE_NORMAL, PAGE_ZERO, ScannedRange } from './scanned-range.js';

/** Ranges that one group has at most: 256 MiB of the block, of which few pages may be dirty. */
const MOST_RANGES = 64;

const DONE = Promise.resolve();

/**
 * Ranges whose pages are checked in one call, so that an accelerator that likes large batches gets them: of one block,
 * and of memory that can be seen as one piece. It holds one range only for an accelerator that asks for no more.
 */
export class RangeGroup {
  readonly #pageSize: number;
  readonly #checker: PageChecker | undefined;
  /** Pages to be looked at, at most. */
  readonly #capacity: number;
  readonly #ranges: ScannedRange[] = [];
  #used = 0;
  #looks = 0;
  /** Byte offsets in the block: the lowest range with a page to be looked at, and the end of the highest. */
  #start = Number.POSITIVE_INFINITY;
  #end = 0;
  /** Of the pages to be looked at: byte offset in the memory that is handed over, the range and the index in it. */
  readonly #lookOffsets: Float64Array;
  readonly #lookRanges: Int32Array;
  readonly #lookIndexes: Int32Array;
  readonly #lookAnswers: Uint8Array;
  /** Copies of ranges that are not in place, one behind the other. */
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

  /** Ranges in it, in the order in which they were added. Their answers are there when `checked` is fulfilled. */
  get size(): number {
    return this.#used;
  }

  /** @param index 0 to `size - 1`. Good until `clear`. */
  at(index: number): ScannedRange {
    return this.#ranges[index] ?? this.#range(index);
  }

  /** Rejected if the check failed: a MultifdError. Nobody needs to look at it if the group is not wanted any more. */
  get checked(): Promise<void> {
    return this.#checked;
  }

  /** For use again: what it held is done with, memory of files included. */
  clear(): void {
    for (let number = 0; number < this.#used; number++) this.#range(number).release();
    this.#used = 0;
    this.#looks = 0;
    this.#start = Number.POSITIVE_INFINITY;
    this.#end = 0;
  }

  /** Whether `claimed` can be added: there is room, and its memory is within reach of what is in the group. */
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

  /** Takes the dirty pages of a range that the group `takes`. */
  add(claimed: ClaimedRange): void {
    const { range, sending } = claimed;
    const number = this.#used++;
    const scanned = this.#range(number);
    const before = this.#looks;
    scanned.take(claimed);
    if (!sending.inPlace) scanned.memory = this.#scratchOf(number);
    scanned.fetch(this.#checker === undefined ? PAGE_HOLE : PAGE_ZERO, (index) => {
      this.#lookRanges[this.#looks] = number;
      this.#lookIndexes[this.#looks++] = index;
    });
    if (this.#looks === before) return;
    this.#start = Math.min(this.#start, range.offset);
    this.#end = Math.max(this.#end, range.offset + range.length);
  }

  /** Begins the check of what was added. @returns whether there is anything to wait for. */
  check(): boolean {
    if (this.#looks === 0) {
      this.#checked = DONE;
      return false;
    }
    this.#checked = this.#check();
    // Whoever does not wait for it any more must not die of it.
    this.#checked.catch(() => {});
    return true;
  }

  async #check(): Promise<void> {
    const { block, inPlace } = this.at(0).claimed.sending;
    // Not before it is needed: a view of a mapping counts as that much memory for the garbage collector.
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

  /** Guest memory from the lowest range with a page to look at to the end of the highest: within one window. */
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

  /** Where each page lies in the memory that is handed over. */
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
    // Shared, so that an accelerator that has its device in another thread needs no copy of the copy.
    if (this.#scratch.length === 0) this.#scratch = new Uint8Array(new SharedArrayBuffer(most * RANGE_SIZE));
    return this.#scratch.subarray(number * RANGE_SIZE, (number + 1) * RANGE_SIZE);
  }
}
