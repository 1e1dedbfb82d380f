import { DirtyBitmap, type GuestRamDescriptor, MultifdError } from '@multifd/core';

/** Where a page of memory is, seen as 32-bit words. Reused from one look to the next. */
export interface PageView {
  words: Int32Array;
  /** Index of the page's first word. */
  first: number;
}

/** The pages of all memory blocks as one row, for writers that pick pages over the whole guest. One thread's own. */
export class GuestPages {
  readonly count: number;
  readonly wordsPerPage: number;
  readonly #blocks: readonly BlockPages[];
  readonly #view: PageView = { words: new Int32Array(0), first: 0 };

  /** @throws MultifdError `internal` for RAM that is not memory with dirty bitmaps. */
  constructor(ram: GuestRamDescriptor) {
    this.wordsPerPage = ram.pageSize / 4;
    let start = 0;
    this.#blocks = ram.blocks.map((block, index) => {
      const bitmap = ram.dirty?.[index];
      if (block.kind !== 'memory' || bitmap === undefined) {
        throw new MultifdError('internal', `RAM block ${block.name} is not memory with a dirty bitmap`);
      }
      const pages = block.length / ram.pageSize;
      const entry = {
        start,
        pagesPerSegment: block.segmentSize / ram.pageSize,
        segments: block.segments.map((segment) => new Int32Array(segment)),
        dirty: new DirtyBitmap(bitmap, pages),
      };
      start += pages;
      return entry;
    });
    this.count = start;
  }

  /** The words of `page`, 0 to `count - 1`; the result is good until the next call. */
  look(page: number): PageView {
    const block = this.#blockOf(page);
    const within = page - block.start;
    const segment = Math.floor(within / block.pagesPerSegment);
    this.#view.words = block.segments[segment] ?? this.#view.words;
    this.#view.first = (within - segment * block.pagesPerSegment) * this.wordsPerPage;
    return this.#view;
  }

  /** Marks `page` dirty. Call it after the page was written. */
  mark(page: number): void {
    const block = this.#blockOf(page);
    block.dirty.mark(page - block.start);
  }

  #blockOf(page: number): BlockPages {
    for (let index = this.#blocks.length - 1; index >= 0; index--) {
      const block = this.#blocks[index];
      if (block !== undefined && block.start <= page) return block;
    }
    throw new MultifdError('internal', `no page ${page}`);
  }
}

interface BlockPages {
  readonly start: number;
  readonly pagesPerSegment: number;
  readonly segments: readonly Int32Array[];
  readonly dirty: DirtyBitmap;
}
