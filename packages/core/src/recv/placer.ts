import { MultifdError } from '../errors.js';
import type { RamBlock } from '../ram/block.js';
import { DirtyBitmap } from '../ram/dirty-bitmap.js';
import { type GuestRamDescriptor, openRamBlock } from '../ram/guest-ram.js';
import type { CounterRow } from '../thread/counters.js';
import type { RamPacket } from '../wire/ram-packet.js';
import type { PageSink } from './page-sink.js';

/** RAM that receives pages, in a form that threads share. */
export interface PlacementDescriptor {
  readonly ram: GuestRamDescriptor;
  /** See `IncomingRam.allZero`. */
  readonly allZero: boolean;
  /** For each block, one bit a page: whether the page has received content in this migration. */
  readonly receivedPages: readonly SharedArrayBuffer[];
  /** See `IncomingRam.changedPages`. */
  readonly changedPages?: readonly SharedArrayBuffer[];
}

/** A block that receives pages. */
interface ReceivingBlock {
  readonly block: RamBlock;
  readonly receivedPages: DirtyBitmap;
  readonly changedPages: DirtyBitmap | undefined;
}

/** One thread's access to the destination's RAM. */
export class PagePlacer implements PageSink {
  readonly #blocks = new Map<string, ReceivingBlock>();
  readonly #pageSize: number;
  readonly #allZero: boolean;
  readonly #counters: CounterRow;

  private constructor(placement: PlacementDescriptor, blocks: readonly RamBlock[], counters: CounterRow) {
    const { ram, allZero, receivedPages, changedPages } = placement;
    this.#pageSize = ram.pageSize;
    this.#allZero = allZero;
    this.#counters = counters;
    blocks.forEach((block, index) => {
      const bitmap = receivedPages[index];
      if (bitmap === undefined) throw new MultifdError('internal', `RAM block ${block.name} has no bitmap`);
      const pages = block.length / ram.pageSize;
      const changed = changedPages?.[index];
      this.#blocks.set(block.name, {
        block,
        receivedPages: new DirtyBitmap(bitmap, pages),
        changedPages: changed === undefined ? undefined : new DirtyBitmap(changed, pages),
      });
    });
  }

  /** @throws MultifdError `io` if RAM cannot be opened in this thread. */
  static async open(placement: PlacementDescriptor, counters: CounterRow): Promise<PagePlacer> {
    const blocks = await Promise.all(placement.ram.blocks.map(openRamBlock));
    return new PagePlacer(placement, blocks, counters);
  }

  find(blockName: string): RamBlock | undefined {
    return this.#blocks.get(blockName)?.block;
  }

  begin(packet: RamPacket): RamBlock {
    const { block } = this.#target(packet.blockName);
    const { offsets, normalPages } = packet;
    if (normalPages > 0) block.announce?.(offsets, normalPages, this.#pageSize);
    return block;
  }

  received(packet: RamPacket): void {
    const target = this.#target(packet.blockName);
    const { offsets, normalPages, zeroPages } = packet;
    if (normalPages > 0) this.#placeNormal(target, offsets, normalPages);
    if (zeroPages > 0) this.#placeZero(target, offsets, normalPages, zeroPages);
  }

  zeroRuns({ blockName, offsets, zeroRuns }: RamPacket): void {
    const target = this.#target(blockName);
    let pages = 0;
    let untouched = 0;
    for (let run = 0; run < zeroRuns; run++) {
      const first = (offsets[2 * run] ?? 0) / this.#pageSize;
      const count = (offsets[2 * run + 1] ?? 0) / this.#pageSize;
      pages += count;
      untouched += this.#zero(target, first, count);
    }
    this.#counters.addPages(0, pages, untouched);
  }

  zeroPages(blockName: string, offsets: Float64Array, count: number): void {
    this.#placeZero(this.#target(blockName), offsets, 0, count);
  }

  page(blockName: string, offset: number, data: Uint8Array): void {
    const target = this.#target(blockName);
    target.block.write(offset, data);
    this.#placeNormal(target, Float64Array.of(offset), 1);
  }

  /** Counts normal pages, which are written, and marks them. */
  #placeNormal(target: ReceivingBlock, offsets: Float64Array, count: number): void {
    for (let first = 0; first < count; ) {
      const next = this.#runEnd(offsets, first, count);
      const page = (offsets[first] ?? 0) / this.#pageSize;
      target.receivedPages.markRange(page, next - first);
      target.changedPages?.markRange(page, next - first);
      first = next;
    }
    this.#counters.addPages(count, 0);
  }

  #placeZero(target: ReceivingBlock, offsets: Float64Array, first: number, count: number): void {
    const end = first + count;
    let untouched = 0;
    for (let index = first; index < end; ) {
      const next = this.#runEnd(offsets, index, end);
      untouched += this.#zero(target, (offsets[index] ?? 0) / this.#pageSize, next - index);
      index = next;
    }
    this.#counters.addPages(0, count, untouched);
  }

  /**
   * Makes pages read as zero. In fresh memory, skips pages that have received no content: they are zero already, and
   * writing them would allocate memory.
   * @returns how many it skipped.
   */
  #zero({ block, receivedPages, changedPages }: ReceivingBlock, first: number, count: number): number {
    const pageSize = this.#pageSize;
    const end = first + count;
    let skipped = 0;
    for (let page = first; page < end; ) {
      const from = this.#allZero ? receivedPages.firstMarked(page, end) : first;
      const to = this.#allZero ? receivedPages.firstClear(from, end) : end;
      skipped += from - page;
      if (from < to) {
        block.zero(from * pageSize, (to - from) * pageSize);
        receivedPages.clearRange(from, to - from);
        changedPages?.markRange(from, to - from);
      }
      page = to;
    }
    return skipped;
  }

  /** The index behind the adjacent pages that begin at index `first`. */
  #runEnd(offsets: Float64Array, first: number, end: number): number {
    let offset = offsets[first] ?? 0;
    let next = first + 1;
    for (; next < end; next++) {
      const following = offsets[next] ?? 0;
      if (following !== offset + this.#pageSize) break;
      offset = following;
    }
    return next;
  }

  intact(): void {
    for (const { block } of this.#blocks.values()) block.intact?.();
  }

  close(): void {
    for (const { block } of this.#blocks.values()) block.close();
  }

  #target(blockName: string): ReceivingBlock {
    const target = this.#blocks.get(blockName);
    if (target === undefined) throw new MultifdError('internal', `RAM block ${blockName} is not open here`);
    return target;
  }
}
