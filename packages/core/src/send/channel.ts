import type { MultifdError } from '../errors.js';
import { methodsForChannel } from '../methods/automatic.js';
import { methodOptions } from '../methods/method-options.js';
import { type SendingMethods, setUpSending } from '../methods/sending.js';
import {
  ACTIVITY_CHECKING,
  ACTIVITY_IDLE,
  ACTIVITY_OPENING,
  ACTIVITY_SETTING_UP,
  type CounterRow,
  Counters,
} from '../thread/counters.js';
import type { ThreadJob, ThreadPort } from '../thread/port.js';
import { BandwidthLimit } from '../transport/bandwidth.js';
import type { HostAddresses } from '../transport/look-up.js';
import { openOutgoingChannel } from '../transport/open-channel.js';
import type { Outgoing } from '../transport/outgoing.js';
import { loadSocketIo } from '../transport/socket-io.js';
import { openChecker } from '../zero/open-checker.js';
import type { PageChecker } from '../zero/page-checker.js';
import { SourceControl } from './control.js';
import type { FromSendChannel, SendChannelData, ToSendChannel } from './messages.js';
import { PacketSender } from './packet-sender.js';
import type { PageSource } from './page-source.js';

/** One outgoing channel: a thread's job. Owns its connection, its checker and its method's state. */
export class SendChannel implements ThreadJob {
  readonly where: string;
  readonly #data: SendChannelData;
  readonly #port: ThreadPort<ToSendChannel, FromSendChannel>;
  readonly #pages: PageSource;
  readonly #control: SourceControl;
  readonly #counters: CounterRow;
  #checker: PageChecker | undefined;
  #hooks: SendingMethods | undefined;
  #outgoing: Outgoing | undefined;

  /** @param where the channel's name in messages. */
  constructor(
    where: string,
    data: SendChannelData,
    port: ThreadPort<ToSendChannel, FromSendChannel>,
    pages: PageSource,
  ) {
    this.where = where;
    this.#data = data;
    this.#port = port;
    this.#pages = pages;
    this.#control = new SourceControl(data.link.control);
    this.#counters = new Counters(data.link.counters).row(data.channel + 1);
  }

  async run(): Promise<void> {
    const { check, channel, link } = this.#data;
    const { pageSize, methodModules, methodSettings } = link;
    const { multifdCompression, stallTimeout } = link.parameters;
    // Before it connects: the destination waits for nothing then.
    const { socketIo } = link;
    await Promise.all([
      this.#pages.open(),
      socketIo === undefined ? undefined : loadSocketIo(socketIo.module),
    ]);
    if (check !== undefined) {
      this.#counters.heartbeat(ACTIVITY_OPENING);
      this.#checker = await openChecker(check, pageSize, stallTimeout, {
        channel,
        blocks: this.#pages.blocks?.(),
        heartbeat: () => this.#counters.heartbeat(ACTIVITY_CHECKING),
        onReplaced: (replacement) => this.#port.post({ type: 'replaced', replacement }),
      });
    }
    this.#counters.heartbeat(ACTIVITY_SETTING_UP);
    const methods = await methodsForChannel(multifdCompression, methodModules, methodSettings);
    this.#hooks = await setUpSending(methods, methodOptions(channel, pageSize, methodSettings), {
      where: this.where,
      chosen: () => this.#control.method,
      isLate: () => this.#control.lastIsOpen,
      refused: (reason) => this.#port.post({ type: 'method-refused', reason }),
    });
    this.#counters.heartbeat(ACTIVITY_IDLE);
    this.#port.post({ type: 'ready' });
    const { blocks, zeroPageDetection, addresses } = await this.#port.next('connect');
    const outgoing = await this.#connect(addresses);
    this.#port.post({ type: 'connected' });
    const sender = new PacketSender(
      outgoing,
      methods.first,
      this.#hooks,
      this.#control,
      this.#counters,
      pageSize,
    );
    this.#pages.begin({ sender, checker: this.#checker, blocks, zeroPageDetection });
    for (let epoch = 1; await this.#pages.sendEpoch(epoch); epoch++) {
      this.#counters.offloaded(this.#checker?.counters());
      await sender.sync(this.#control.isLast(epoch));
      this.#control.arrive();
    }
    await outgoing.close();
  }

  /** Frees everything, after success or failure. Does not throw. */
  async close(): Promise<void> {
    this.#outgoing?.destroy();
    try {
      this.#counters.offloaded(this.#checker?.counters());
      await this.#checker?.close();
      await this.#hooks?.cleanup();
    } catch {
      // The migration's outcome is decided: a failing close of an accelerator or codec does not change it.
    }
    // Last: until the accelerator is closed, it may still read the pages.
    this.#pages.close();
  }

  async #connect(addresses: HostAddresses | undefined): Promise<Outgoing> {
    const { channel, link } = this.#data;
    const { setupTimeout } = link.parameters;
    const options = {
      where: this.where,
      stallTimeout: link.lineTimeout,
      counters: this.#counters,
      limit: new BandwidthLimit(link.bandwidth),
      signal: this.#port.signal,
      jobs: this.#port.jobs,
    };
    const failed = (error: MultifdError): void => this.#port.fail(error);
    this.#outgoing = await openOutgoingChannel(
      { ...link, addresses },
      { uuid: link.uuid, channel },
      link.parameters,
      setupTimeout,
      options,
      link.socketIo,
      failed,
    );
    return this.#outgoing;
  }
}
