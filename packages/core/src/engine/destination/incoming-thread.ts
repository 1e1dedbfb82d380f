import { MultifdError } from '../../errors.js';
import { type ChannelMethods, methodsForChannel } from '../../methods/automatic.js';
import { methodOptions } from '../../methods/method-options.js';
import { Receivers } from '../../methods/receivers.js';
import { RecvChannel } from '../../recv/channel.js';
import { DestinationControl } from '../../recv/control.js';
import { IncomingMain, isSilent, type MainHost } from '../../recv/main-stream.js';
import type { PageSink } from '../../recv/page-sink.js';
import { PagePlacer } from '../../recv/placer.js';
import { SourceControl } from '../../send/control.js';
import { type CounterRow, Counters } from '../../thread/counters.js';
import type { ThreadPort } from '../../thread/port.js';
import { IncomingConnection } from '../../transport/incoming.js';
import { loadSocketIo } from '../../transport/socket-io.js';
import { INIT_PACKET_SIZE } from '../../wire/layout.js';
import { encodeReport, encodeShut } from '../../wire/return-path.js';
import { RelayMain, type RelayMainHost } from '../relay/relay-main.js';
import { Transit } from '../relay/transit.js';
import { TransitSink } from '../relay/transit-sink.js';
import type { FromIncomingThread, IncomingThreadData, ToIncomingThread } from './messages.js';

/** ms that a source that waits for no word may take to close main: nothing depends on it. */
const CLOSING_TIMEOUT = 2_000;

/** ms that a source may take to close main once it has been told that its guest stays there. */
const LEAVING = 500;

/** ms that one may take that was told, when our user is in a hurry. */
const HURRY_TIMEOUT = 5_000;

/** ms that a relay waits for the report of its destination, which may have all of RAM to read for it. */
const REPORT_TIMEOUT = 30 * 60_000;

type Port = ThreadPort<ToIncomingThread, FromIncomingThread>;

/**
 * One thread of the destination: main's or a channel's. It is given its connection once that has said what it is,
 * together with the bytes that this took.
 */
export class IncomingThread {
  readonly #data: IncomingThreadData;
  readonly #port: Port;
  readonly #control: DestinationControl;
  readonly #counters: Counters;
  #connection: IncomingConnection | undefined;
  #pages: PageSink | undefined;
  #receivers: Receivers | undefined;
  #main: IncomingMain | undefined;
  #relay: RelayMain | undefined;
  /** The source was told that its guest stays there: fulfilled when its connection is gone. */
  #refused: Promise<void> | undefined;

  constructor(data: IncomingThreadData, port: Port) {
    this.#data = data;
    this.#port = port;
    this.#control = new DestinationControl(data.control);
    this.#counters = new Counters(data.counters);
    port.signal.addEventListener('abort', () => this.#abort());
  }

  get where(): string {
    return this.#connection?.where ?? 'incoming thread';
  }

  async run(): Promise<void> {
    // Before the first connection, so that a codec that was named and is not there is told at once.
    const { parameters, methodModules } = this.#data;
    const methods = await methodsForChannel(parameters.multifdCompression, methodModules);
    this.#port.post({ type: 'ready' });
    const { socket, peer, head } = await this.#port.next('connection');
    const { channel } = this.#data;
    const connection = new IncomingConnection(socket, `connection from ${peer}`, { head });
    this.#connection = connection;
    if (channel === undefined) return this.#runMain(connection);
    connection.where = `channel ${channel}`;
    // Looked at already, to the last byte.
    connection.skip(INIT_PACKET_SIZE);
    const counters = this.#counters.row(channel + 1);
    connection.countIn(counters);
    const { pageSize, socketIo } = this.#data;
    const sink = await connection.watched(this.#sink(counters), () => this.#control.gone(channel));
    this.#receivers = await this.#openReceivers(methods, channel, counters);
    if (socketIo !== undefined) connection.block(await loadSocketIo(socketIo.module), socketIo.interrupt);
    const receivers = this.#receivers;
    await new RecvChannel(connection, channel, this.#control, sink, receivers, counters, pageSize).run();
  }

  async #openReceivers(methods: ChannelMethods, channel: number, counters: CounterRow): Promise<Receivers> {
    const { pageSize, methodSettings } = this.#data;
    counters.coding(methods.first.flag);
    const receivers = await Receivers.open(methods, methodOptions(channel, pageSize, methodSettings));
    counters.rest();
    return receivers;
  }

  /** Frees everything, whatever happened. Does not throw. */
  async close(): Promise<void> {
    this.#refuse(new MultifdError('cancelled', `${this.where}: it is over`));
    if (this.#refused === undefined) this.#connection?.end();
    this.#pages?.close();
    this.#relay?.close();
    try {
      await this.#receivers?.cleanup();
    } catch {
      // The migration's outcome is decided; a codec that cannot close has nothing to add.
    }
    await this.#refused;
    this.#connection?.destroy();
  }

  async #runMain(connection: IncomingConnection): Promise<void> {
    connection.where = 'main stream';
    connection.countIn(this.#counters.row(0));
    const arrived = (): void => this.#control.arrived();
    this.#main = new IncomingMain(connection, this.#host(), this.#data.pageSize, arrived);
    const received = await this.#main.run();
    this.#pages?.intact();
    this.#port.post({ type: 'received', received });
    const { report } = await this.#main.committed(this.#port.next('committed'));
    this.#control.tell();
    if (this.#main.returnPath) connection.write(encodeShut(0));
    this.#port.post({ type: 'told' });
    const leave = this.#port.next('leave');
    leave.catch(() => {});
    if (report) await this.#passReport(connection, this.#main, leave);
    connection.end();
    this.#port.post({ type: 'farewell', closed: await this.#farewell(this.#main, leave) });
  }

  /**
   * The source closes main once it has read our word: waiting for that keeps the word from being cut off. One that
   * waited for the word and does not close has not let go of its guest, or cannot say so: QEMU 11.1 with x-colo looks
   * like any other source until it is told, and then keeps main and the guest.
   */
  async #farewell(main: IncomingMain, leave: Promise<unknown>): Promise<boolean> {
    const { stallTimeout } = this.#data.parameters;
    if (!main.returnPath) {
      await isSilent(main.closed, CLOSING_TIMEOUT);
      return true;
    }
    const hurry = leave.then(() => isSilent(main.closed, HURRY_TIMEOUT));
    return !(await Promise.race([isSilent(main.closed, stallTimeout), hurry]));
  }

  /** Gives the place of this thread's pages, once the blocks are known. */
  async #sink(counters: CounterRow): Promise<PageSink> {
    const { relay } = this.#data;
    if (relay === undefined) {
      this.#pages = await PagePlacer.open((await this.#port.next('ram')).placement, counters);
    } else {
      const { blocks } = await this.#port.next('transit');
      this.#pages = new TransitSink(new Transit(relay.transit), blocks, counters);
    }
    return this.#pages;
  }

  /** What main does with what it reads: keep it here, or say it again to the next destination. */
  #host(): MainHost {
    const { relay, machineType, uuid, pageSize } = this.#data;
    const counters = this.#counters.row(0);
    const configured = (name: string): void => this.#port.post({ type: 'configuration', machineType: name });
    const warn = (message: string): void => this.#port.post({ type: 'warning', message });
    const { stallTimeout } = this.#data.parameters;
    if (relay === undefined) {
      return {
        machineType,
        uuid,
        stallTimeout,
        warn,
        configured,
        openRam: (blocks, { length: ahead }) => {
          this.#port.post({ type: 'blocks', blocks, ahead });
          return this.#sink(counters);
        },
        // Kept by main until the end: nothing of it is needed before.
        early: async () => {},
        roundsBegin: async () => {},
        passCut: (cut) => this.#control.passCut(cut),
        waitsForUs: (who) => this.#control.waitsForUs(who),
        gone: () => this.#control.gone(undefined),
        finish: () => {
          this.#control.end();
          return this.#settled();
        },
      };
    }
    const host: RelayMainHost = {
      machineType,
      uuid,
      stallTimeout,
      warn,
      pageSize,
      signal: this.#port.signal,
      configured,
      connectChannels: async (blocks) => {
        // Nothing here is to leave room for what came ahead of them: it is sent on.
        this.#port.post({ type: 'blocks', blocks, ahead: 0 });
        await this.#port.next('transit');
      },
      settled: () => this.#settled(),
      failed: (error) => this.#port.fail(error),
    };
    this.#relay = new RelayMain(host, relay, this.#control, counters);
    return this.#relay;
  }

  /** Everything was read: whoever else has connected may still turn out to be a channel too many. */
  async #settled(): Promise<void> {
    this.#port.post({ type: 'ending' });
    await this.#port.next('settled');
  }

  /**
   * Without a report, as when a relay's destination is gone, main just ends: the guest is there all the same. Nobody waits
   * for one once the source is gone, or our user is in a hurry.
   */
  async #passReport(
    connection: IncomingConnection,
    main: IncomingMain,
    leave: Promise<unknown>,
  ): Promise<void> {
    if (!main.returnPath) return;
    const none = Promise.race([main.closed, leave]).then(() => undefined);
    const report = await Promise.race([this.#report().catch(() => undefined), none]);
    if (report !== undefined) connection.write(encodeReport(report));
  }

  async #report(): Promise<Uint8Array> {
    if (this.#relay !== undefined) return this.#relay.report(REPORT_TIMEOUT);
    return (await this.#port.next('report')).report;
  }

  #abort(): void {
    const error = new MultifdError('cancelled', `${this.where}: aborted`);
    this.#refuse(error);
    if (this.#refused === undefined) this.#connection?.destroy(error);
  }

  /**
   * The migration is off, whoever has ended it: a source that waits for our word is told to keep its guest. It is told
   * nothing once that cannot be promised any more: it would run a guest that runs elsewhere.
   */
  #refuse(error: MultifdError): void {
    if (this.#main?.returnPath !== true || this.#refused !== undefined || !this.#isKept()) return;
    this.#refused = this.#connection?.leave(encodeShut(1), LEAVING, error);
  }

  /** Whether neither this end nor the next destination has the guest, from now on for good. */
  #isKept(): boolean {
    const { relay } = this.#data;
    return (relay === undefined || new SourceControl(relay.control).keep()) && this.#control.giveUp();
  }
}
