import { MultifdError } from '../errors.js';
import { DirtyBitmap } from '../ram/dirty-bitmap.js';
import type { GuestRamDescriptor } from '../ram/guest-ram.js';
import { RangeTable } from '../ram/ranges.js';
import { openToSend, type SendingBlock } from '../ram/sending-block.js';
import { ACTIVITY_CHECKING, ACTIVITY_IDLE, type CounterRow, Counters } from '../thread/counters.js';
import { attachedBlocks } from '../zero/attached-blocks.js';
import type { AttachedBlock } from '../zero/detector.js';
import { CheckPipeline } from './check-pipeline.js';
import { SourceControl } from './control.js';
import type { SendChannelData } from './messages.js';
import type { ChannelTools, PageSource } from './page-source.js';
import { type ClaimedRange, PAGE_ZERO, type ScannedRange } from './scanned-range.js';

export interface ClaimedPagesData extends SendChannelData {
  readonly ram: GuestRamDescriptor;
  /** Bitmaps that channel threads claim from, one for each block. */
  readonly work: readonly SharedArrayBuffer[];
}

/**
 * Sends guest RAM range by range: claims each by one atomic addition, then takes, checks and sends its dirty pages.
 */
export class ClaimedPages implements PageSource {
  readonly #data: ClaimedPagesData;
  readonly #control: SourceControl;
  readonly #counters: CounterRow;
  readonly #table: RangeTable;
  readonly #dirty: readonly DirtyBitmap[];
  #blocks: readonly SendingBlock[] = [];
  #tools: (ChannelTools & { readonly pipeline: CheckPipeline }) | undefined;

  constructor(data: ClaimedPagesData) {
    const { link, ram, work } = data;
    this.#data = data;
    this.#control = new SourceControl(link.control);
    this.#counters = new Counters(link.counters).row(data.channel + 1);
    this.#table = new RangeTable(ram.blocks);
    this.#dirty = work.map((bitmap, index) => {
      const length = ram.blocks[index]?.length ?? 0;
      return new DirtyBitmap(bitmap, Math.ceil(length / ram.pageSize));
    });
  }

  async open(): Promise<void> {
    this.#blocks = await Promise.all(this.#data.ram.blocks.map(openToSend));
  }

  blocks(): readonly AttachedBlock[] {
    return attachedBlocks(this.#data.ram.blocks, this.#blocks);
  }

  begin(tools: ChannelTools): void {
    const { ram, link } = this.#data;
    const pipeline = new CheckPipeline(ram.pageSize, tools.checker, {
      claim: () => this.#claim(),
      fairShare: () => Math.ceil(this.#control.unclaimed / (2 * link.parameters.multifdChannels)),
    });
    this.#tools = { ...tools, pipeline };
  }

  async sendEpoch(epoch: number): Promise<boolean> {
    if (this.#tools === undefined) throw new MultifdError('internal', 'the channel is not connected');
    const { pipeline, sender } = this.#tools;
    if (!(await this.#control.epochOpens(epoch))) return false;
    for (;;) {
      this.#counters.heartbeat(ACTIVITY_CHECKING);
      const scanned = await pipeline.next();
      if (scanned === undefined) break;
      this.#control.throwIfAborted();
      // From here the thread waits for the connection, which has its own timeout; `PacketSender` marks method work.
      this.#counters.idle();
      if (scanned.isZeroRange && sender.takesRuns) await this.#addZeroRange(scanned, sender);
      else await this.#addPages(scanned, sender);
    }
    this.#counters.idle();
    // Check before the SYNC, which vouches for the pages before it.
    for (const { block } of this.#blocks) block.intact?.();
    return true;
  }

  close(): void {
    for (const block of this.#blocks) block.close();
  }

  /** Claims the next range of the epoch; resolves once it may be sent. */
  #claim(): ClaimedRange | undefined | Promise<ClaimedRange> {
    const index = this.#control.claim();
    if (index === undefined) return undefined;
    return this.#control.isReady(index) ? this.#claimed(index) : this.#whenReady(index);
  }

  async #whenReady(index: number): Promise<ClaimedRange> {
    this.#counters.heartbeat(ACTIVITY_IDLE);
    await this.#control.rangeReady(index);
    this.#counters.heartbeat(ACTIVITY_CHECKING);
    return this.#claimed(index);
  }

  #claimed(index: number): ClaimedRange {
    this.#control.throwIfAborted();
    const range = this.#table.at(index);
    const sending = this.#blocks[range.block];
    const dirty = this.#dirty[range.block];
    if (sending === undefined || dirty === undefined) {
      throw new MultifdError('internal', `channel ${this.#data.channel}: no block ${range.block}`);
    }
    return { index, range, sending, dirty };
  }

  async #addZeroRange(scanned: ScannedRange, sender: ChannelTools['sender']): Promise<void> {
    const { range, sending } = scanned.claimed;
    await sender.begin(sending.block);
    await sender.addZeroRange(range.offset, range.length);
    this.#counters.addPages(0, range.length / this.#data.ram.pageSize);
  }

  async #addPages(scanned: ScannedRange, sender: ChannelTools['sender']): Promise<void> {
    const { memory, count, offsets, answers } = scanned;
    if (count === 0) return;
    const { range, sending } = scanned.claimed;
    // A method gets the block only to read it, and cannot mark anything as sent.
    await sender.begin(sending.block, (offset, length) =>
      sending.inPlace
        ? sending.readToSend(offset, length, memory)
        : memory.subarray(offset - range.offset, offset - range.offset + length),
    );
    await sender.add(offsets, answers, count);
    const zero = countZero(answers, count);
    this.#counters.addPages(count - zero, zero);
    if (!sending.inPlace) await sender.flushed();
  }
}

function countZero(answers: Uint8Array, count: number): number {
  let zero = 0;
  for (let index = 0; index < count; index++) if (answers[index] === PAGE_ZERO) zero++;
  return zero;
}
