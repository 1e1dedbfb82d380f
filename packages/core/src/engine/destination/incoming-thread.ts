import { type ErrorReport, MultifdError } from '../../errors.js';
import { type ChannelMethods, methodsForChannel } from '../../methods/automatic.js';
import { methodOptions } from '../../methods/method-options.js';
import { Receivers } from '../../methods/receivers.js';
import { RecvChannel } from '../../recv/channel.js';
import { DestinationControl } from '../../recv/control.js';
import { IncomingMain } from '../../recv/main-stream.js';
import { type CounterRow, Counters } from '../../thread/counters.js';
import { isSilent } from '../../time-limit.js';
import { takeOver } from '../../transport/handover.js';
import { IncomingConnection } from '../../transport/incoming.js';
import { loadSocketIo } from '../../transport/socket-io.js';
import { concat } from '../../wire/bytes.js';
import { INIT_PACKET_SIZE } from '../../wire/layout.js';
import { encodeReason } from '../../wire/reason.js';
import { encodeReport, encodeShut } from '../../wire/return-path.js';
import type { IncomingThreadData } from './messages.js';
import type { IncomingPort, ThreadRole } from './thread-role.js';

/** ms that a source that does not wait for an answer may take to close main: nothing depends on it. */
const CLOSING_TIMEOUT = 2_000;

/** ms that a source may take to close main once it has been told that its guest stays there. */
const LEAVING = 500;

/**
 * ms for which a channel is read on after a failure: its source, which was told on main, closes it as a rule. Longer than main is
 * kept for that (`LEAVING`), so that main is never the last to go, and shorter than a thread may take to end.
 */
const CHANNEL_LEAVING = 900;

/** The same, once our user has cancelled again. */
const HURRY_TIMEOUT = 5_000;

/**
 * Main or a channel of the destination: a thread's job. It gets its connection once that has identified itself, together
 * with the bytes read so far.
 */
export class IncomingThread {
  readonly #data: IncomingThreadData;
  readonly #port: IncomingPort;
  readonly #role: ThreadRole;
  readonly #control: DestinationControl;
  readonly #counters: Counters;
  #connection: IncomingConnection | undefined;
  #receivers: Receivers | undefined;
  #main: IncomingMain | undefined;
  /** Resolves when the API thread has ended the migration. */
  readonly #aborted = Promise.withResolvers<void>();
  #reason: ErrorReport | undefined;
  /** The source was told that its guest stays there, or is left by a channel: resolves when its connection is closed. */
  #refused: Promise<void> | undefined;
  #complete = false;

  constructor(data: IncomingThreadData, port: IncomingPort, role: ThreadRole) {
    this.#data = data;
    this.#port = port;
    this.#role = role;
    this.#control = new DestinationControl(data.control);
    this.#counters = new Counters(data.counters);
    port.listen('abort', ({ reason }) => this.#abort(reason));
  }

  get where(): string {
    return this.#connection?.where ?? 'incoming thread';
  }

  async run(): Promise<void> {
    // Load before the first connection: what is missing is reported at once, and no source waits for it. The module of
    // the sockets brings guest memory too, as a rule.
    const { parameters, methodModules, methodSettings, socketIo } = this.#data;
    const [methods, io] = await Promise.all([
      methodsForChannel(parameters.multifdCompression, methodModules, methodSettings),
      socketIo === undefined ? undefined : loadSocketIo(socketIo.module),
    ]);
    this.#port.post({ type: 'ready' });
    const { connection: handover, peer, head } = await this.#port.next('connection');
    const { channel } = this.#data;
    const connection = new IncomingConnection(await takeOver(handover), `connection from ${peer}`, { head });
    this.#connection = connection;
    if (channel === undefined) return this.#runMain(connection);
    connection.where = `channel ${channel}`;
    // Admission has read it to its end.
    connection.skip(INIT_PACKET_SIZE);
    const counters = this.#counters.row(channel + 1);
    connection.countIn(counters);
    const { pageSize, tls } = this.#data;
    if (tls) counters.isSecuredBy('node');
    const sink = await connection.watched(this.#role.sink(counters), () => this.#control.gone(channel));
    this.#receivers = await this.#openReceivers(methods, channel, counters);
    if (io !== undefined && socketIo !== undefined) {
      if (!tls) connection.block(io, socketIo.interrupt, parameters, this.#port.jobs);
      else counters.isSecuredBy(await connection.decrypt(io, socketIo.interrupt, parameters));
    }
    const receivers = this.#receivers;
    await new RecvChannel(connection, channel, this.#control, sink, receivers, counters, pageSize).run();
    this.#complete = true;
  }

  async #openReceivers(methods: ChannelMethods, channel: number, counters: CounterRow): Promise<Receivers> {
    const { pageSize, methodSettings } = this.#data;
    counters.coding(methods.first.flag);
    const receivers = await Receivers.open(methods, methodOptions(channel, pageSize, methodSettings));
    counters.idle();
    return receivers;
  }

  /** Frees everything, after success or failure. Does not throw. */
  async close(): Promise<void> {
    // Another thread's error may have been first, and a relay's destination may be about to give its reason.
    if (this.#main !== undefined && !this.#control.isTold) await this.#aborted.promise;
    const over = new MultifdError('cancelled', `${this.where}: it is over`);
    this.#refuse(over);
    this.#leaveChannel(over);
    if (this.#refused === undefined) this.#connection?.end();
    this.#role.close();
    try {
      await this.#receivers?.cleanup();
    } catch {
      // The migration's outcome is decided: a failing close of a codec does not change it.
    }
    await this.#refused;
    this.#connection?.destroy();
  }

  async #runMain(connection: IncomingConnection): Promise<void> {
    connection.where = 'main stream';
    connection.keepOpen();
    connection.countIn(this.#counters.row(0));
    const arrived = (): void => this.#control.arrived();
    this.#main = new IncomingMain(connection, this.#role.main(), this.#data.pageSize, arrived);
    const received = await this.#main.run();
    this.#role.intact();
    this.#port.post({ type: 'received', received });
    const { report } = await this.#main.committed(this.#port.next('committed'));
    this.#control.tell();
    if (this.#main.returnPath) connection.write(encodeShut(0));
    this.#port.post({ type: 'told' });
    const leave = this.#port.next('leave');
    leave.catch(() => {});
    if (report) await this.#passReport(connection, this.#main, leave);
    connection.end();
    const closed = await this.#farewell(this.#main, leave);
    await this.#role.sourceHasEnded(closed);
    this.#port.post({ type: 'farewell', closed });
  }

  /**
   * Waits until the source, which has our answer, closes main: closing first could cut the answer off. A source that
   * waited for the answer and does not close has not let go of its guest, or cannot say so: QEMU 11.1 with x-colo looks
   * like any other source until it is told, and then keeps main and the guest. A relay says for its own source which it is.
   * One that only closes was ended before it knew.
   */
  async #farewell(main: IncomingMain, leave: Promise<unknown>): Promise<boolean> {
    const { stallTimeout } = this.#data.parameters;
    if (!main.returnPath) {
      await isSilent(main.closed, CLOSING_TIMEOUT);
      return true;
    }
    const hurry = leave.then(() => isSilent(main.closed, HURRY_TIMEOUT));
    await Promise.race([main.kept, isSilent(main.closed, stallTimeout), hurry]);
    return main.isClosed && main.hasLetGo;
  }

  /**
   * Without a report, as when a relay's destination is gone, main just ends: the guest is there all the same. Stops
   * waiting for one once the source is gone, or our user cancels again.
   */
  async #passReport(
    connection: IncomingConnection,
    main: IncomingMain,
    leave: Promise<unknown>,
  ): Promise<void> {
    if (!main.returnPath) return;
    const none = Promise.race([main.closed, leave]).then(() => undefined);
    const report = await Promise.race([this.#role.report().catch(() => undefined), none]);
    if (report !== undefined) connection.write(encodeReport(report));
  }

  #abort(reason: ErrorReport | undefined): void {
    this.#reason = reason;
    this.#aborted.resolve();
    const error = new MultifdError('cancelled', `${this.where}: aborted`);
    this.#refuse(error);
    this.#leaveChannel(error);
    if (this.#refused !== undefined) return;
    // A source that waits for no answer learns of a failure only by what breaks.
    this.#connection?.destroy(error, this.#main?.returnPath === false);
  }

  /**
   * After any failure: tells a source that waits for our answer to keep its guest. Tells it nothing once that cannot be
   * promised any more: it would run a guest that runs elsewhere.
   */
  #refuse(error: MultifdError): void {
    if (this.#main?.returnPath !== true || this.#refused !== undefined || !this.#role.tryAbort()) return;
    if (!this.#control.giveUp()) return;
    const why = this.#main.wantsReason ? this.#reason : undefined;
    const reason = why === undefined ? [] : [encodeReason(MultifdError.fromReport(why))];
    this.#refused = this.#connection?.leave(concat(...reason, encodeShut(1)), LEAVING, error);
  }
  /**
   * After any failure, of a source that waits for our answer: reads a channel on and drops what comes, until the source closes
   * it. Main has to tell the source first: in QEMU up to 10.0 the migration thread waits for all channels at a sync, and
   * waits forever, with the guest stopped in the last one, if one channel breaks before another has heard of the sync.
   * A source that waits for no answer learns of a failure only by what breaks: it is not read on.
   */
  #leaveChannel(error: MultifdError): void {
    const isChannel = this.#data.channel !== undefined;
    if (!isChannel || this.#complete || this.#refused !== undefined || !this.#control.isWaitedFor) return;
    this.#refused = this.#connection?.leave(new Uint8Array(0), CHANNEL_LEAVING, error);
  }
}
