/**
 * QEMU's dirty bitmap: one bit a page, in shared memory, atomic.
 *
 * The rule that loses no write: a writer writes the page first and marks it afterwards; a sender takes the bit first
 * and reads the page afterwards. Then a write that the sender missed has set the bit again.
 */
export class DirtyBitmap {
  /** Shared memory of the bitmap; `new DirtyBitmap(buffer, pages)` opens it in another thread. */
  readonly buffer: SharedArrayBuffer;
  readonly pages: number;
  /** 32 pages a word; page `p` is bit `p % 32` of word `p / 32`. */
  readonly words: Int32Array;

  constructor(buffer: SharedArrayBuffer, pages: number) {
    this.buffer = buffer;
    this.pages = pages;
    this.words = new Int32Array(buffer, 0, Math.ceil(pages / 32));
  }

  /** A bitmap of `pages` pages, all clean. */
  static allocate(pages: number): DirtyBitmap {
    return new DirtyBitmap(new SharedArrayBuffer(Math.ceil(pages / 32) * 4), pages);
  }

  /** Marks a page, 0 to `pages - 1`. Call it after writing the page. */
  mark(page: number): void {
    Atomics.or(this.words, page >>> 5, 1 << (page & 31));
  }

  /** Marks `count` pages from `first` on. */
  markRange(first: number, count: number): void {
    for (let page = first, end = first + count; page < end; ) {
      const bit = page & 31;
      const run = Math.min(32 - bit, end - page);
      Atomics.or(this.words, page >>> 5, maskOf(bit, run));
      page += run;
    }
  }

  markAll(): void {
    this.markRange(0, this.pages);
  }

  has(page: number): boolean {
    return (Atomics.load(this.words, page >>> 5) & (1 << (page & 31))) !== 0;
  }

  /** Sets the bit of `page` and returns whether it was set before. */
  testAndMark(page: number): boolean {
    const mask = 1 << (page & 31);
    return (Atomics.or(this.words, page >>> 5, mask) & mask) !== 0;
  }

  /** Clears `count` pages from `first` on. */
  clearRange(first: number, count: number): void {
    for (let page = first, end = first + count; page < end; ) {
      const bit = page & 31;
      const run = Math.min(32 - bit, end - page);
      Atomics.and(this.words, page >>> 5, ~maskOf(bit, run));
      page += run;
    }
  }

  /** The first marked page from `first` on, below `end`; `end` if there is none. A word at a time. */
  firstMarked(first: number, end: number): number {
    for (let page = first; page < end; page = (page | 31) + 1) {
      const bits = Atomics.load(this.words, page >>> 5) >>> (page & 31);
      if (bits !== 0) return Math.min(end, page + trailingZeros(bits));
    }
    return end;
  }

  /** The first page from `first` on, below `end`, that is not marked; `end` if all are. */
  firstClear(first: number, end: number): number {
    for (let page = first; page < end; page = (page | 31) + 1) {
      const bits = ~Atomics.load(this.words, page >>> 5) >>> (page & 31);
      if (bits !== 0) return Math.min(end, page + trailingZeros(bits));
    }
    return end;
  }

  /** Takes and clears the bits of 32 pages, which the caller must send from now on. */
  takeWord(word: number): number {
    return Atomics.load(this.words, word) === 0 ? 0 : Atomics.exchange(this.words, word, 0);
  }

  /** Number of dirty pages. */
  count(): number {
    let total = 0;
    for (let word = 0; word < this.words.length; word++) {
      let bits = this.words[word] ?? 0;
      if (bits === 0) continue;
      bits -= (bits >>> 1) & 0x55555555;
      bits = (bits & 0x33333333) + ((bits >>> 2) & 0x33333333);
      bits = (bits + (bits >>> 4)) & 0x0f0f0f0f;
      total += Math.imul(bits, 0x01010101) >>> 24;
    }
    return total;
  }
}

/** `run` bits from `bit` on. */
function maskOf(bit: number, run: number): number {
  return run === 32 ? -1 : ((1 << run) - 1) << bit;
}

/** @param bits not 0. */
function trailingZeros(bits: number): number {
  return 31 - Math.clz32(bits & -bits);
}
