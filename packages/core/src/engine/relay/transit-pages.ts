import { MultifdError } from '../../errors.js';
import type { IncomingBlock } from '../../ram/incoming-ram.js';
import { SourceControl } from '../../send/control.js';
import type { SendChannelData } from '../../send/messages.js';
import type { ChannelTools, PageSource } from '../../send/page-source.js';
import { PAGE_NORMAL, PAGE_ZERO } from '../../send/scanned-range.js';
import { ACTIVITY_CHECKING, ACTIVITY_IDLE, type CounterRow, Counters } from '../../thread/counters.js';
import { maxPagesPerPacket } from '../../wire/layout.js';
import { SlotBlock } from './slot-block.js';
import { type Slot, Transit, type TransitDescriptor } from './transit.js';

export interface TransitPagesData extends SendChannelData {
  readonly transit: TransitDescriptor;
}

/** Sends the packets in transit through a relay, and checks their pages if the source has not. */
export class TransitPages implements PageSource {
  readonly #data: TransitPagesData;
  readonly #transit: Transit;
  readonly #control: SourceControl;
  readonly #counters: CounterRow;
  /** Where each page of a slot begins in it, bytes. */
  readonly #positions: Float64Array;
  readonly #answers: Uint8Array;
  readonly #zeros: Float64Array;
  /** Offsets of the pages that go into packets, with their answers at the front of `#answers`. */
  readonly #kept: Float64Array;
  #tools: ChannelTools | undefined;

  constructor(data: TransitPagesData) {
    const { pageSize } = data.transit;
    const maxPages = maxPagesPerPacket(pageSize);
    this.#data = data;
    this.#transit = new Transit(data.transit);
    this.#control = new SourceControl(data.link.control);
    this.#counters = new Counters(data.link.counters).row(data.channel + 1);
    this.#positions = Float64Array.from({ length: maxPages }, (_, page) => page * pageSize);
    this.#answers = new Uint8Array(maxPages);
    this.#zeros = new Float64Array(maxPages);
    this.#kept = new Float64Array(maxPages);
  }

  async open(): Promise<void> {}

  begin(tools: ChannelTools): void {
    this.#tools = tools;
  }

  /** Sends what is in transit until the sync of `epoch` is due and nothing is left. */
  async sendEpoch(epoch: number): Promise<boolean> {
    if (this.#tools === undefined) throw new MultifdError('internal', 'the channel is not connected');
    const isDue = (): boolean => this.#control.hasOpened(epoch);
    for (let slot = await this.#transit.full(isDue); slot !== undefined; ) {
      const block = this.#tools.blocks[slot.block];
      if (block === undefined) {
        throw new MultifdError('internal', `outgoing channel ${this.#data.channel}: no block ${slot.block}`);
      }
      await this.#send(slot, block, this.#tools);
      slot = await this.#transit.full(isDue);
    }
    return this.#control.epochOpens(epoch);
  }

  close(): void {}

  async #send(
    slot: Slot,
    announced: IncomingBlock,
    { sender, checker, zeroPageDetection }: ChannelTools,
  ): Promise<void> {
    const { pageSize } = this.#data.transit;
    if (zeroPageDetection === 'none') materialise(slot, pageSize);
    await this.#check(slot, checker);
    const block = new SlotBlock(announced, slot, pageSize);
    await sender.begin(block, (offset, length) => block.window(offset, length));
    const count = slot.normal + slot.zero;
    this.#answers.fill(PAGE_ZERO, slot.normal, count);
    let zero = 0;
    let kept = 0;
    for (let page = 0; page < count; page++) {
      const offset = slot.offsets[page] ?? 0;
      const answer = this.#answers[page] ?? PAGE_NORMAL;
      if (answer === PAGE_ZERO) {
        this.#zeros[zero++] = offset;
        if (zeroPageDetection !== 'multifd') continue;
      }
      this.#kept[kept] = offset;
      this.#answers[kept++] = answer;
    }
    await sender.add(this.#kept, this.#answers, kept);
    await sender.flushed();
    const normal = count - zero;
    if (zeroPageDetection === 'legacy' && zero > 0) {
      this.#counters.addPages(normal, 0);
      slot.normal = 0;
      slot.zero = zero;
      slot.offsets.set(this.#zeros.subarray(0, zero));
      this.#transit.passZeros(slot);
    } else {
      this.#counters.addPages(normal, zero);
      this.#transit.release(slot);
    }
  }

  /** The source may not have looked for zero pages: its normal pages are looked at here. */
  async #check(slot: Slot, checker: ChannelTools['checker']): Promise<void> {
    this.#answers.fill(0);
    if (checker === undefined || slot.normal === 0) return;
    this.#counters.heartbeat(ACTIVITY_CHECKING);
    await checker.check(slot.pages, this.#positions, slot.normal, this.#answers);
    this.#counters.heartbeat(ACTIVITY_IDLE);
  }
}

/** Turns a slot's zero pages into normal pages of zero bytes. */
function materialise(slot: Slot, pageSize: number): void {
  slot.pages.fill(0, slot.normal * pageSize, (slot.normal + slot.zero) * pageSize);
  slot.normal += slot.zero;
  slot.zero = 0;
}
