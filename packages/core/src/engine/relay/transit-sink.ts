import { MultifdError } from '../../errors.js';
import type { RamBlock } from '../../ram/block.js';
import type { IncomingBlock } from '../../ram/incoming-ram.js';
import type { PageSink } from '../../recv/page-sink.js';
import type { CounterRow } from '../../thread/counters.js';
import type { RamPacket } from '../../wire/ram-packet.js';
import { SlotBlock } from './slot-block.js';
import type { Slot, Transit } from './transit.js';

/** Puts what one incoming thread receives into slots, for the outgoing channels to send on. */
export class TransitSink implements PageSink {
  readonly #transit: Transit;
  readonly #blocks: ReadonlyMap<string, { readonly block: IncomingBlock; readonly index: number }>;
  readonly #counters: CounterRow;
  #slot: Slot | undefined;

  constructor(transit: Transit, blocks: readonly IncomingBlock[], counters: CounterRow) {
    this.#transit = transit;
    this.#blocks = new Map(blocks.map((block, index) => [block.name, { block, index }]));
    this.#counters = counters;
  }

  find(blockName: string): IncomingBlock | undefined {
    return this.#blocks.get(blockName)?.block;
  }

  async begin(packet: RamPacket): Promise<RamBlock> {
    const { block, index } = this.#entry(packet.blockName);
    const slot = await this.#transit.free();
    slot.block = index;
    slot.normal = packet.normalPages;
    slot.zero = packet.zeroPages;
    slot.offsets.set(packet.offsets.subarray(0, packet.normalPages + packet.zeroPages));
    this.#slot = slot;
    return new SlotBlock(block, slot, this.#transit.descriptor.pageSize);
  }

  received(packet: RamPacket): void {
    const slot = this.#slot;
    if (slot === undefined) throw new MultifdError('internal', 'no packet was begun');
    this.#slot = undefined;
    this.#counters.addPages(packet.normalPages, packet.zeroPages);
    this.#transit.fill(slot);
  }

  async zeroPages(blockName: string, offsets: Float64Array, count: number): Promise<void> {
    const { index } = this.#entry(blockName);
    for (let first = 0; first < count; ) {
      const slot = await this.#transit.free();
      const size = Math.min(slot.offsets.length, count - first);
      slot.block = index;
      slot.normal = 0;
      slot.zero = size;
      slot.offsets.set(offsets.subarray(first, first + size));
      this.#transit.fill(slot);
      first += size;
    }
    this.#counters.addPages(0, count);
  }

  async page(blockName: string, offset: number, data: Uint8Array): Promise<void> {
    const { index } = this.#entry(blockName);
    const slot = await this.#transit.free();
    slot.block = index;
    slot.normal = 1;
    slot.zero = 0;
    slot.offsets[0] = offset;
    slot.pages.set(data);
    this.#transit.fill(slot);
    this.#counters.addPages(1, 0);
  }

  /** Slots are this process's own memory. */
  intact(): void {}

  close(): void {}

  #entry(blockName: string): { readonly block: IncomingBlock; readonly index: number } {
    const entry = this.#blocks.get(blockName);
    if (entry === undefined) throw new MultifdError('internal', `RAM block ${blockName} is not on the list`);
    return entry;
  }
}
