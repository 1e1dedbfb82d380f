import { openOutgoingChannel } from '../../channel/open-channel.js';
import type { Outgoing } from '../../channel/outgoing.js';
import { PacketSender } from '../../channel/packet-sender.js';
import type { MultifdError } from '../../errors.js';
import { methodsFor, setUpSending } from '../../methods/automatic.js';
import type { MultiFDMethods, SendHooks } from '../../methods/methods.js';
import { noneMethod } from '../../methods/none.js';
import type { RamBlock } from '../../ram/block.js';
import { DirtyBitmap } from '../../ram/dirty-bitmap.js';
import { openRamBlock } from '../../ram/guest-ram.js';
import { RANGE_SIZE, type Range, RangeTable } from '../../ram/ranges.js';
import { maxPagesPerPacket } from '../../wire/layout.js';
import { loadAccelerator } from '../../zero/load.js';
import { PageChecker } from '../../zero/page-checker.js';
import { PAGE_HOLE, PAGE_ZERO, RangeScanner, type ScannedRange } from '../../zero/range-scanner.js';
import { BandwidthLimit } from '../bandwidth.js';
import {
  ACTIVITY_CHECKING,
  ACTIVITY_ENCODING,
  ACTIVITY_IDLE,
  ACTIVITY_OPENING,
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
  /** Copy of a file range while its pages are checked and sent. */
  #scratch = new Uint8Array(0);
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
    const { zeroPageDetection, multifdCompression, stallTimeout } = this.#data.parameters;
    this.#blocks = await Promise.all(this.#data.ram.blocks.map(openRamBlock));
    if (this.#blocks.some((block) => !block.inPlace)) this.#scratch = new Uint8Array(RANGE_SIZE);
    if (zeroPageDetection === 'multifd' && this.#data.accelerator !== undefined) {
      this.#counters.beat(ACTIVITY_OPENING);
      const accelerator = await loadAccelerator(this.#data.accelerator);
      this.#checker = await PageChecker.open(accelerator, pageSize, stallTimeout, () =>
        this.#counters.beat(ACTIVITY_CHECKING),
      );
      this.#counters.beat(ACTIVITY_IDLE);
    }
    const methods = await methodsFor(multifdCompression, this.#data.methodModules);
    const options = {
      channel: this.#data.channel,
      pageSize,
      maxPages: maxPagesPerPacket(pageSize),
      settings: this.#data.methodSettings,
    };
    this.#hooks = await setUpSending(methods, options, () => this.#control.method);
    this.#port.post({ type: 'ready' });
    await this.#port.next('connect');
    const outgoing = await this.#connect();
    this.#port.post({ type: 'connected' });
    await this.#sendEpochs(outgoing, methods[0] ?? noneMethod, this.#hooks);
    await outgoing.close();
  }

  /** Frees everything, whatever happened. Does not throw. */
  async close(): Promise<void> {
    this.#outgoing?.destroy();
    for (const block of this.#blocks) block.close();
    try {
      await this.#checker?.close();
      await this.#hooks?.cleanup();
    } catch {
      // The migration's outcome is decided; an accelerator or codec that cannot close has nothing to add.
    }
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
    const scanner = new RangeScanner(pageSize, this.#checker);
    for (let epoch = 1; await this.#control.epochOpens(epoch); epoch++) {
      for (let index = this.#control.claim(); index !== undefined; index = this.#control.claim()) {
        if (!this.#control.isReady(index)) await this.#control.rangeReady(index);
        this.#control.throwIfAborted();
        await this.#sendRange(this.#table.at(index), scanner, sender);
      }
      // A SYNC vouches for the pages before it.
      for (const block of this.#blocks) block.intact?.();
      await sender.sync(this.#control.isLast(epoch));
      this.#control.arrive();
    }
  }

  async #sendRange(range: Range, scanner: RangeScanner, sender: PacketSender): Promise<void> {
    const block = this.#blocks[range.block];
    const dirty = this.#dirty[range.block];
    if (block === undefined || dirty === undefined) return;
    this.#counters.beat(ACTIVITY_CHECKING);
    const scanned = await scanner.scan(range, block, dirty, this.#scratch);
    this.#counters.beat(ACTIVITY_ENCODING);
    if (scanned.count > 0) await this.#addPages(range, block, scanned, sender);
    this.#counters.beat(ACTIVITY_IDLE);
  }

  async #addPages(range: Range, block: RamBlock, scanned: ScannedRange, sender: PacketSender): Promise<void> {
    const { memory, count, offsets, answers } = scanned;
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
