import { openOutgoingChannel } from '../../channel/open-channel.js';
import type { Outgoing } from '../../channel/outgoing.js';
import { PacketSender } from '../../channel/packet-sender.js';
import { MultifdError } from '../../errors.js';
import { methodsForChannel } from '../../methods/automatic.js';
import { methodOptions } from '../../methods/method-options.js';
import type { MultiFDMethods, SendHooks } from '../../methods/methods.js';
import { setUpSending } from '../../methods/sending.js';
import type { RamBlock } from '../../ram/block.js';
import { DirtyBitmap } from '../../ram/dirty-bitmap.js';
import { openRamBlock } from '../../ram/guest-ram.js';
import { RangeTable } from '../../ram/ranges.js';
import { CheckPipeline } from '../../zero/check-pipeline.js';
import { openChecker } from '../../zero/open-checker.js';
import type { PageChecker } from '../../zero/page-checker.js';
import { type ClaimedRange, PAGE_HOLE, PAGE_ZERO, type ScannedRange } from '../../zero/scanned-range.js';
import { BandwidthLimit } from '../bandwidth.js';
import {
  ACTIVITY_CHECKING,
  ACTIVITY_IDLE,
  ACTIVITY_OPENING,
  ACTIVITY_SETTING_UP,
  type CounterRow,
  Counters,
} from '../counters.js';
import type { ThreadPort } from '../thread-port.js';
import { SourceControl } from './control.js';
import type { FromSourceThread, SourceChannelData, ToSourceThread } from './messages.js';

/** One source channel, in its own thread: it owns its connection, its detector, its codec state. */
export class SourceChannel {
  readonly where: string;
  readonly #data: SourceChannelData;
  readonly #port: ThreadPort<ToSourceThread, FromSourceThread>;
  readonly #control: SourceControl;
  readonly #counters: CounterRow;
  readonly #table: RangeTable;
  readonly #dirty: readonly DirtyBitmap[];
  #blocks: readonly RamBlock[] = [];
  #checker: PageChecker | undefined;
  #hooks: SendHooks | undefined;
  #outgoing: Outgoing | undefined;

  constructor(data: SourceChannelData, port: ThreadPort<ToSourceThread, FromSourceThread>) {
    this.where = `channel ${data.channel}`;
    this.#data = data;
    this.#port = port;
    this.#control = new SourceControl(data.control);
    this.#counters = new Counters(data.counters).row(data.channel + 1);
    this.#table = new RangeTable(data.ram.blocks);
    this.#dirty = data.work.map((bitmap, index) => {
      const length = data.ram.blocks[index]?.length ?? 0;
      return new DirtyBitmap(bitmap, Math.ceil(length / data.ram.pageSize));
    });
  }

  async run(): Promise<void> {
    const { pageSize } = this.#data.ram;
    const { multifdCompression, stallTimeout } = this.#data.parameters;
    this.#blocks = await Promise.all(this.#data.ram.blocks.map(openRamBlock));
    if (this.#data.check !== undefined) {
      this.#counters.beat(ACTIVITY_OPENING);
      this.#checker = await openChecker(this.#data.check, pageSize, stallTimeout, {
        beat: () => this.#counters.beat(ACTIVITY_CHECKING),
        onReplaced: (replacement) => this.#port.post({ type: 'replaced', replacement }),
      });
    }
    this.#counters.beat(ACTIVITY_SETTING_UP);
    const methods = await methodsForChannel(multifdCompression, this.#data.methodModules);
    const options = methodOptions(this.#data.channel, pageSize, this.#data.methodSettings);
    this.#hooks = await setUpSending(methods, options, {
      chosen: () => this.#control.method,
      refused: (reason) => this.#port.post({ type: 'method-refused', reason }),
    });
    this.#counters.beat(ACTIVITY_IDLE);
    this.#port.post({ type: 'ready' });
    await this.#port.next('connect');
    const outgoing = await this.#connect();
    this.#port.post({ type: 'connected' });
    await this.#sendEpochs(outgoing, methods.first, this.#hooks);
    await outgoing.close();
  }

  /** Frees everything, whatever happened. Does not throw. */
  async close(): Promise<void> {
    this.#outgoing?.destroy();
    try {
      await this.#checker?.close();
      await this.#hooks?.cleanup();
    } catch {
      // The migration's outcome is decided; an accelerator or codec that cannot close has nothing to add.
    }
    // Last: until it is closed, an accelerator may be at work on them.
    for (const block of this.#blocks) block.close();
  }

  async #connect(): Promise<Outgoing> {
    const { address, parameters, uuid, bandwidth } = this.#data;
    const { setupTimeout, stallTimeout, maxBandwidth } = parameters;
    const options = {
      where: this.where,
      stallTimeout,
      counters: this.#counters,
      limit: new BandwidthLimit(bandwidth, maxBandwidth),
      signal: this.#port.signal,
    };
    const introduction = { uuid, channel: this.#data.channel };
    const failed = (error: MultifdError): void =>
      this.#port.post({ type: 'failed', error: error.toReport() });
    this.#outgoing = await openOutgoingChannel(
      address,
      introduction,
      setupTimeout,
      options,
      this.#data.socketIo,
      failed,
    );
    return this.#outgoing;
  }

  async #sendEpochs(outgoing: Outgoing, method: MultiFDMethods, hooks: SendHooks): Promise<void> {
    const { pageSize } = this.#data.ram;
    const sender = new PacketSender(outgoing, method, hooks, this.#control, this.#counters, pageSize);
    const { multifdChannels } = this.#data.parameters;
    const pipeline = new CheckPipeline(pageSize, this.#checker, {
      claim: () => this.#claim(),
      fairShare: () => Math.ceil(this.#control.unclaimed / (2 * multifdChannels)),
    });
    for (let epoch = 1; await this.#control.epochOpens(epoch); epoch++) {
      for (;;) {
        this.#counters.beat(ACTIVITY_CHECKING);
        const scanned = await pipeline.next();
        if (scanned === undefined) break;
        this.#control.throwIfAborted();
        // What follows waits for the connection, which has a limit of its own; `PacketSender` says when a method has it.
        this.#counters.rest();
        if (scanned.count > 0) await this.#addPages(scanned, sender);
      }
      this.#counters.rest();
      // A SYNC vouches for the pages before it.
      for (const block of this.#blocks) block.intact?.();
      await sender.sync(this.#control.isLast(epoch));
      this.#control.arrive();
    }
  }

  /** The next range of the epoch, once it may be sent. */
  #claim(): ClaimedRange | undefined | Promise<ClaimedRange> {
    const index = this.#control.claim();
    if (index === undefined) return undefined;
    return this.#control.isReady(index) ? this.#claimed(index) : this.#whenReady(index);
  }

  async #whenReady(index: number): Promise<ClaimedRange> {
    this.#counters.beat(ACTIVITY_IDLE);
    await this.#control.rangeReady(index);
    this.#counters.beat(ACTIVITY_CHECKING);
    return this.#claimed(index);
  }

  #claimed(index: number): ClaimedRange {
    this.#control.throwIfAborted();
    const range = this.#table.at(index);
    const block = this.#blocks[range.block];
    const dirty = this.#dirty[range.block];
    if (block === undefined || dirty === undefined) {
      throw new MultifdError('internal', `${this.where}: no block ${range.block}`);
    }
    return { index, range, block, dirty };
  }

  async #addPages(scanned: ScannedRange, sender: PacketSender): Promise<void> {
    const { memory, count, offsets, answers } = scanned;
    const { range, block } = scanned.claimed;
    await sender.begin(block, (offset, length) =>
      block.inPlace
        ? block.read(offset, length, memory)
        : memory.subarray(offset - range.offset, offset - range.offset + length),
    );
    let zero = 0;
    for (let index = 0; index < count; index++) {
      const offset = offsets[index] ?? 0;
      const answer = answers[index];
      if (answer === PAGE_ZERO) zero++;
      const full =
        answer === PAGE_ZERO ? sender.addZero(offset) : sender.addNormal(offset, answer === PAGE_HOLE);
      if (full) await sender.flushFull();
    }
    this.#counters.addPages(count - zero, zero);
    if (!block.inPlace) await sender.flushed();
  }
}
