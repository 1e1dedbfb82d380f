import { DirtyBitmap, type GuestRamDescriptor, MultifdError, type RamBlock } from '@multifd/core/ram';
import { wordsOf } from './fill-work.js';

/** Bytes that are looked at through one view at most, so that indexes into it stay small. */
const LARGEST_VIEW = 2 ** 30;

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

  /**
   * @param ram with dirty bitmaps if its writers are to mark; without them somebody else sees what is written.
   * @param blocks of `ram`, open in this thread.
   * @throws MultifdError `internal` for RAM that is not in place.
   */
  constructor(ram: GuestRamDescriptor, blocks: readonly RamBlock[]) {
    this.wordsPerPage = ram.pageSize / 4;
    let start = 0;
    this.#blocks = blocks.map((block, index) => {
      const bitmap = ram.dirty?.[index];
      const viewSize = Math.min(block.windowSize, LARGEST_VIEW);
      const pages = block.length / ram.pageSize;
      const entry = {
        start,
        pagesPerView: viewSize / ram.pageSize,
        views: Array.from({ length: Math.ceil(block.length / viewSize) }, (_, view) =>
          wordsOf(block, view * viewSize, Math.min(viewSize, block.length - view * viewSize)),
        ),
        dirty: bitmap === undefined ? undefined : new DirtyBitmap(bitmap, pages),
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
    const view = Math.floor(within / block.pagesPerView);
    this.#view.words = block.views[view] ?? this.#view.words;
    this.#view.first = (within - view * block.pagesPerView) * this.wordsPerPage;
    return this.#view;
  }

  /** Marks `page` dirty, if writers mark. Call it after the page was written. */
  mark(page: number): void {
    const block = this.#blockOf(page);
    block.dirty?.mark(page - block.start);
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
  readonly pagesPerView: number;
  readonly views: readonly Int32Array[];
  readonly dirty: DirtyBitmap | undefined;
}
