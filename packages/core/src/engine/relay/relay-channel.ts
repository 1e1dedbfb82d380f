import { openOutgoingChannel } from '../../channel/open-channel.js';
import type { Outgoing } from '../../channel/outgoing.js';
import { PacketSender } from '../../channel/packet-sender.js';
import { MultifdError } from '../../errors.js';
import { methodOptions } from '../../methods/method-options.js';
import type { MultiFDMethods, SendHooks } from '../../methods/methods.js';
import { loadMethod } from '../../methods/registry.js';
import { maxPagesPerPacket } from '../../wire/layout.js';
import { type CheckPlan, openChecker } from '../../zero/open-checker.js';
import type { PageChecker } from '../../zero/page-checker.js';
import { PAGE_ZERO } from '../../zero/scanned-range.js';
import type { IncomingBlock } from '../api.js';
import { BandwidthLimit } from '../bandwidth.js';
import {
  ACTIVITY_CHECKING,
  ACTIVITY_IDLE,
  ACTIVITY_OPENING,
  ACTIVITY_SETTING_UP,
  type CounterRow,
  Counters,
} from '../counters.js';
import type { ZeroPageDetection } from '../parameters.js';
import { SourceControl } from '../source/control.js';
import type { ThreadPort } from '../thread-port.js';
import type { FromRelayChannel, RelayChannelData, RelayLink, ToRelayChannel } from './messages.js';
import { SlotBlock } from './slot-block.js';
import { type Slot, Transit } from './transit.js';

/** One outgoing channel of a relay, in its own thread: takes packets in transit, checks their pages, sends them. */
export class RelayChannel {
  readonly where: string;
  readonly #channel: number;
  readonly #link: RelayLink;
  readonly #plan: CheckPlan | undefined;
  readonly #port: ThreadPort<ToRelayChannel, FromRelayChannel>;
  readonly #transit: Transit;
  readonly #control: SourceControl;
  readonly #counters: CounterRow;
  /** Where each page of a slot begins in it, bytes. */
  readonly #positions: Float64Array;
  readonly #answers: Uint8Array;
  readonly #zeros: Float64Array;
  #detection: ZeroPageDetection = 'none';
  #checker: PageChecker | undefined;
  #hooks: SendHooks | undefined;
  #outgoing: Outgoing | undefined;

  constructor(data: RelayChannelData, port: ThreadPort<ToRelayChannel, FromRelayChannel>) {
    const { link, check, channel } = data;
    const maxPages = maxPagesPerPacket(link.transit.pageSize);
    this.where = `outgoing channel ${channel}`;
    this.#channel = channel;
    this.#link = link;
    this.#plan = check;
    this.#port = port;
    this.#transit = new Transit(link.transit);
    this.#control = new SourceControl(link.control);
    this.#counters = new Counters(link.counters).row(channel + 1);
    this.#positions = Float64Array.from({ length: maxPages }, (_, page) => page * link.transit.pageSize);
    this.#answers = new Uint8Array(maxPages);
    this.#zeros = new Float64Array(maxPages);
  }

  async run(): Promise<void> {
    const { parameters, transit } = this.#link;
    if (this.#plan !== undefined) {
      this.#counters.beat(ACTIVITY_OPENING);
      this.#checker = await openChecker(this.#plan, transit.pageSize, parameters.stallTimeout, {
        beat: () => this.#counters.beat(ACTIVITY_CHECKING),
        onReplaced: (replacement) => this.#port.post({ type: 'replaced', replacement }),
      });
    }
    this.#counters.beat(ACTIVITY_SETTING_UP);
    const method = await loadMethod(parameters.multifdCompression, this.#link.methodModules);
    this.#hooks = await method.sendSetup(
      methodOptions(this.#channel, transit.pageSize, this.#link.methodSettings),
    );
    this.#counters.beat(ACTIVITY_IDLE);
    this.#port.post({ type: 'ready' });
    const { blocks, zeroPageDetection } = await this.#port.next('connect');
    this.#detection = zeroPageDetection;
    const outgoing = await this.#connect();
    this.#port.post({ type: 'connected' });
    await this.#sendEpochs(outgoing, method, this.#hooks, blocks);
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
  }

  async #connect(): Promise<Outgoing> {
    const { address, parameters, uuid, bandwidth } = this.#link;
    const { setupTimeout, stallTimeout, maxBandwidth } = parameters;
    const options = {
      where: this.where,
      stallTimeout,
      counters: this.#counters,
      limit: new BandwidthLimit(bandwidth, maxBandwidth),
      signal: this.#port.signal,
    };
    const introduction = { uuid, channel: this.#channel };
    const failed = (error: MultifdError): void =>
      this.#port.post({ type: 'failed', error: error.toReport() });
    this.#outgoing = await openOutgoingChannel(
      address,
      introduction,
      setupTimeout,
      options,
      this.#link.socketIo,
      failed,
    );
    return this.#outgoing;
  }

  /** Sends what is in transit; when a cut is due and nothing is left, a SYNC. */
  async #sendEpochs(
    outgoing: Outgoing,
    method: MultiFDMethods,
    hooks: SendHooks,
    blocks: readonly IncomingBlock[],
  ): Promise<void> {
    const { pageSize } = this.#link.transit;
    const sender = new PacketSender(outgoing, method, hooks, this.#control, this.#counters, pageSize);
    for (let epoch = 1; ; epoch++) {
      const isDue = (): boolean => this.#control.hasOpened(epoch);
      for (let slot = await this.#transit.full(isDue); slot !== undefined; ) {
        const block = blocks[slot.block];
        if (block === undefined) throw new MultifdError('internal', `${this.where}: no block ${slot.block}`);
        await this.#send(slot, block, sender);
        slot = await this.#transit.full(isDue);
      }
      if (!(await this.#control.epochOpens(epoch))) return;
      await sender.sync(this.#control.isLast(epoch));
      this.#control.arrive();
    }
  }

  async #send(slot: Slot, announced: IncomingBlock, sender: PacketSender): Promise<void> {
    const { pageSize } = this.#link.transit;
    const zeroPageDetection = this.#detection;
    if (zeroPageDetection === 'none') materialise(slot, pageSize);
    await this.#check(slot);
    const block = new SlotBlock(announced, slot, pageSize);
    await sender.begin(block, (offset, length) => block.window(offset, length));
    let zero = 0;
    for (let page = 0; page < slot.normal + slot.zero; page++) {
      const offset = slot.offsets[page] ?? 0;
      if (page < slot.normal && this.#answers[page] !== PAGE_ZERO) {
        if (sender.addNormal(offset)) await sender.flushFull();
      } else {
        this.#zeros[zero++] = offset;
        if (zeroPageDetection === 'multifd' && sender.addZero(offset)) await sender.flushFull();
      }
    }
    await sender.flushed();
    const normal = slot.normal + slot.zero - zero;
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
  async #check(slot: Slot): Promise<void> {
    this.#answers.fill(0);
    if (this.#checker === undefined || slot.normal === 0) return;
    this.#counters.beat(ACTIVITY_CHECKING);
    await this.#checker.check(slot.pages, this.#positions, slot.normal, this.#answers);
    this.#counters.beat(ACTIVITY_IDLE);
  }
}

/** Turns a slot's zero pages into normal pages of zero bytes. */
function materialise(slot: Slot, pageSize: number): void {
  slot.pages.fill(0, slot.normal * pageSize, (slot.normal + slot.zero) * pageSize);
  slot.normal += slot.zero;
  slot.zero = 0;
}
