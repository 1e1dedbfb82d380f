import { DirtyBitmap, type HostBlockDescriptor, type RamBlock } from '@multifd/core';
import type { SendingBlock } from '@multifd/core/host';
import { hostBlocks, type WriteTracker } from '../../src/index.js';
import { bytesOf, PAGE } from './memory.js';

/**
 * A source and a destination in one: what a tracker reports is copied, as an engine reads it, and in the end the copy
 * must be the memory.
 */
export class CopiedGuest {
  readonly dirty: readonly DirtyBitmap[];
  readonly #tracker: WriteTracker;
  readonly #sources: readonly SendingBlock[];
  readonly #copies: readonly Uint8Array[];
  readonly #scratch = new Uint8Array(PAGE);
  /** Pages that were copied, with repeats. */
  copied = 0;

  constructor(tracker: WriteTracker, blocks: readonly HostBlockDescriptor[]) {
    this.#tracker = tracker;
    this.#sources = tracker.blocks.map((block) => hostBlocks.openToSend(block));
    this.dirty = blocks.map(({ length }) => DirtyBitmap.allocate(length / PAGE));
    this.#copies = blocks.map(({ length }) => new Uint8Array(length).fill(0xee));
    for (const bitmap of this.dirty) bitmap.markAll();
  }

  /** Asks the tracker, takes what is dirty, and copies it. */
  round(): void {
    this.#tracker.sync(this.dirty);
    for (const [index, source] of this.#sources.entries()) {
      const copy = this.#copies[index];
      const dirty = this.dirty[index];
      if (copy === undefined || dirty === undefined) continue;
      for (let page = 0; page < dirty.pages; page++) {
        if (!dirty.has(page)) continue;
        dirty.clearRange(page, 1);
        this.#copyPage(source, copy, page * PAGE);
      }
    }
  }

  /** Page numbers whose copy is not what is in memory, once nobody writes any more; none if nothing was lost. */
  lost(memory: readonly RamBlock[]): number[] {
    return memory.flatMap((block, index) => {
      const copy = this.#copies[index] ?? new Uint8Array(0);
      const pages = Array.from({ length: block.length / PAGE }, (_, page) => page);
      return pages.filter((page) => {
        const now = bytesOf(block, page * PAGE, PAGE);
        return Buffer.compare(now, copy.subarray(page * PAGE, (page + 1) * PAGE)) !== 0;
      });
    });
  }

  close(): void {
    for (const source of this.#sources) source.close();
  }

  #copyPage(source: SendingBlock, copy: Uint8Array, offset: number): void {
    this.copied++;
    const target = copy.subarray(offset, offset + PAGE);
    if (source.absentToSend(offset, PAGE) >= PAGE) target.fill(0);
    else target.set(source.readToSend(offset, PAGE, this.#scratch).subarray(0, PAGE));
  }
}
