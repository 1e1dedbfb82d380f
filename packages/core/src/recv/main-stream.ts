import { setImmediate as eventLoopTurn } from 'node:timers/promises';
import { MultifdError, WireError } from '../errors.js';
import { isSilent } from '../time-limit.js';
import type { IncomingConnection } from '../transport/incoming.js';
import { concat, sameBytes, u32 } from '../wire/bytes.js';
import { COMMAND, SECTION } from '../wire/layout.js';
import type { StreamConfiguration } from '../wire/main/configuration.js';
import { MainStreamDecoder } from '../wire/main/decode.js';
import { encodeCommand } from '../wire/main/encode.js';
import type { ConfigurationRecord, DeviceStateRecord, MainRecord } from '../wire/main/records.js';
import { withoutReportRequest } from '../wire/report-request.js';
import { PING_SOURCE_KEEPS_MAIN, PING_SOURCE_LET_GO, REPORT_SECTION } from '../wire/return-path.js';
import { checkConfiguration } from './expected-source.js';
import type { MainHost, ReceivedState } from './main-host.js';
import type { PageSink } from './page-sink.js';
import { showingLife } from './signs-of-life.js';
import { SourceCommands } from './source-commands.js';

/** ms of silence after an end of sections without a description. QEMU writes both in one go. */
const SILENCE = 2_000;

const NOT_DESCRIBED =
  'the source sends no description of its device state that can be read, as with suppress-vmdesc: the state has arrived, but cannot be split into devices';

/** What a relay says behind the end of its stream: whether its source keeps main, or has closed it. Of one length. */
const SOURCE_KEEPS_MAIN = encodeCommand(COMMAND.PING, u32(PING_SOURCE_KEEPS_MAIN));
const SOURCE_LET_GO = encodeCommand(COMMAND.PING, u32(PING_SOURCE_LET_GO));

/** Reads the destination's main stream and applies it record by record. */
export class IncomingMain {
  readonly #connection: IncomingConnection;
  readonly #host: MainHost;
  readonly #arrived: () => void;
  readonly #decoder: MainStreamDecoder;
  #sink: PageSink | undefined;
  #section = '';
  #configuration: StreamConfiguration = {};
  readonly #beforeRam: Uint8Array[] = [];
  readonly #early: Uint8Array[] = [];
  #hasEarlyDevice = false;
  #syncs = 0;
  /** The sync mode (docs/wire.md, 3.2): per round if the START section has a flush record. */
  #perRound = false;
  readonly #commands: SourceCommands;
  #received: ReceivedState | undefined;
  /** Resolves when the source closes main after its last byte. */
  #closed: Promise<void> = Promise.resolve();
  #isClosed = false;
  #isKept = false;
  #isLetGo = false;
  readonly #kept = Promise.withResolvers<void>();

  /** @param arrived called when all syncs are passed and the device state has arrived. */
  constructor(connection: IncomingConnection, host: MainHost, pageSize: number, arrived: () => void) {
    this.#connection = connection;
    this.#host = host;
    this.#arrived = arrived;
    this.#decoder = new MainStreamDecoder({ pageSize });
    this.#commands = new SourceCommands(connection, host.takesZeroRuns === true);
  }

  /** Whether the source listens for a reply. */
  get returnPath(): boolean {
    return this.#commands.returnPath;
  }

  /** Whether the source is a multifd that listens for the reason of a failure. */
  get wantsReason(): boolean {
    return this.#commands.wantsReason;
  }

  /** Reads main to its end: when it resolves, all RAM is in place and all syncs are passed. */
  async run(): Promise<ReceivedState> {
    // The read that is still pending when silence marked the end.
    let asked: Promise<Uint8Array | undefined> | undefined;
    while (this.#received === undefined) {
      const more = this.#connection.some();
      const isOver = this.#decoder.isInDeviceState && (await this.#fellSilent(more));
      asked = isOver ? more : undefined;
      const bytes = isOver ? undefined : await more;
      const records = bytes === undefined ? this.#end() : this.#decoder.push(bytes);
      for (const record of records) await this.#apply(record);
      if (bytes === undefined) break;
    }
    if (this.#received === undefined)
      throw new MultifdError('peer-closed', 'main stream: it ended too early');
    this.#arrived();
    this.#closed = this.#readOn(asked);
    const takenBack = this.#takenBack();
    // Mark the rejection handled: only a relay awaits it.
    takenBack.catch(() => {});
    const finished = this.#host.finish(this.#received, () => this.#stillThere(), takenBack);
    await showingLife(this.#connection, this.returnPath, finished);
    return this.#received;
  }

  /**
   * Waits for `committed`, or until the source closes main. A source that waits for our reply and closes before that
   * has taken its guest back: the guest must not run here.
   * @throws MultifdError `peer-closed` then.
   */
  async committed<T>(committed: Promise<T>): Promise<T> {
    if (!this.returnPath) return committed;
    const given = await showingLife(this.#connection, true, Promise.race([committed, this.#takenBack()]));
    // After a pause of this process the message may be delivered before a close that was there first: read the socket.
    await this.#connection.caughtUp();
    await eventLoopTurn();
    await eventLoopTurn();
    this.#stillThere();
    return given;
  }

  /** Rejects when a source that waits for our reply closes main: it has taken its guest back. Never resolves. */
  async #takenBack(): Promise<never> {
    await this.#closed;
    if (this.returnPath) throw closedBeforeTold();
    return new Promise<never>(() => {});
  }

  /** Resolves when the source has closed main. Valid after `run`. */
  get closed(): Promise<void> {
    return this.#closed;
  }

  /** Whether the source has closed main. Valid after `run`. */
  get isClosed(): boolean {
    return this.#isClosed;
  }

  /**
   * Whether the guest's source, once it was told, let go of it if main is closed now: a relay must have said so, unless its
   * source waits for no answer. Valid after `run`.
   */
  get hasLetGo(): boolean {
    return !this.#isKept && (this.#isLetGo || !this.#commands.isRelayOfWaiting);
  }

  /** Resolves when a relay says that its source, which was told, keeps main. */
  get kept(): Promise<void> {
    return this.#kept.promise;
  }

  /** Reads what follows the end, of which only a relay's last word counts. Resolves when the source closes main. */
  async #readOn(asked: Promise<Uint8Array | undefined> | undefined): Promise<void> {
    let tail: Uint8Array = new Uint8Array(0);
    try {
      for (let next = asked ?? this.#connection.some(); ; next = this.#connection.some()) {
        const bytes = await next;
        if (bytes === undefined) break;
        tail = concat(tail, bytes).slice(-SOURCE_KEEPS_MAIN.length);
        if (sameBytes(tail, SOURCE_KEEPS_MAIN)) this.#isKept = true;
        if (sameBytes(tail, SOURCE_LET_GO)) this.#isLetGo = true;
        if (this.#isKept) this.#kept.resolve();
      }
    } catch {
      // The connection is done with: how it ends does not matter.
    }
    this.#isClosed = true;
  }

  #stillThere(): void {
    if (this.returnPath && this.#isClosed) throw closedBeforeTold();
  }

  /**
   * A QEMU with suppress-vmdesc ends its device state without a description, sends nothing more and waits for our
   * reply, with its guest stopped; nor can the end of a description that is not JSON be found. So an end of sections
   * followed by silence is the end; a description that arrives later changes nothing in the guest.
   * @returns false as soon as more bytes have arrived or main has ended.
   * @throws MultifdError `timeout` if nothing arrives and the device state cannot end here.
   */
  async #fellSilent(more: Promise<unknown>): Promise<boolean> {
    const { stallTimeout } = this.#host;
    if (!(await isSilent(more, Math.min(SILENCE, stallTimeout)))) return false;
    if (this.#decoder.mayEndHere) return true;
    if (!(await isSilent(more, Math.max(0, stallTimeout - SILENCE)))) return false;
    throw new MultifdError(
      'timeout',
      `${this.#decoder.place}: no byte came for ${stallTimeout} ms, and it is not complete`,
      { hint: 'the source hangs or the network is down' },
    );
  }

  /** The records that main's end completes. An end inside the stream is `peer-closed`, not a protocol error. */
  #end(): readonly MainRecord[] {
    try {
      return [...this.#decoder.end()];
    } catch (cause) {
      const reason = MultifdError.from(cause, 'protocol', 'main stream').message;
      const early = this.#section === 'start' ? 'before it sent a page' : `too early: ${reason}`;
      throw new MultifdError('peer-closed', `main stream: the source closed it ${early}`, {
        cause,
        hint: "see the source's own message",
      });
    }
  }

  async #apply(record: MainRecord): Promise<void> {
    switch (record.type) {
      case 'configuration':
        return this.#configure(record);
      case 'command':
        return this.#commands.take(record.command, record.data);
      case 'section':
        if (this.#section === 'start') await this.#waiting(this.#host.roundsBegin());
        if (record.kind === 'start') this.#host.waitsForUs(this.#commands.waiting);
        this.#section = record.kind;
        return;
      case 'early-section':
        if (record.section !== undefined) this.#hasEarlyDevice = true;
        if (record.beforeRam) {
          this.#beforeRam.push(record.bytes);
        } else {
          this.#early.push(record.bytes);
          await this.#host.early(record.bytes);
        }
        return;
      case 'block-list':
        this.#sink = await this.#waiting(this.#host.openRam(record.blocks, concat(...this.#beforeRam)));
        return;
      case 'zero':
        return this.#sink?.zeroPages(record.blockName, record.offsets, record.count);
      case 'page':
        return this.#sink?.page(record.blockName, record.offset, record.data);
      case 'flush':
        return this.#flush();
      case 'eos':
        if (!this.#perRound) await this.#passSync();
        return;
      case 'device-state':
        this.#received = this.#receivedState(record);
        return;
      case 'header':
      case 'footer':
        return;
    }
  }

  async #passSync(): Promise<void> {
    await this.#waiting(this.#host.passSync(++this.#syncs));
    if (this.#syncs === 1) this.#commands.setupIsOver();
  }

  /** Waits for other threads, and notices if the source closes main meanwhile. */
  #waiting<T>(work: Promise<T>): Promise<T> {
    const shown = showingLife(this.#connection, this.#commands.isAwaited, work);
    return this.#connection.watched(shown, () => this.#host.gone());
  }

  #configure(record: ConfigurationRecord): void {
    checkConfiguration(record, this.#host, this.#decoder.place);
    const { machineType, targetPageBits, uuid } = record;
    this.#configuration = {
      ...(targetPageBits === undefined ? {} : { targetPageBits }),
      ...(uuid === undefined ? {} : { uuid }),
    };
    this.#host.configured(machineType, this.#configuration);
  }

  async #flush(): Promise<void> {
    if (this.#section === 'start') this.#perRound = true;
    if (!this.#perRound) {
      throw this.#fault('record', 'a flush record in the START section, or none at all', 'a flush record');
    }
    await this.#passSync();
  }

  #fault(field: string, expected: string, got: string): WireError {
    return new WireError({ where: this.#decoder.place, field, offset: this.#decoder.offset, expected, got });
  }

  #receivedState(record: DeviceStateRecord): ReceivedState {
    const last = record.sections.at(-1);
    const reportRequested = last?.idstr === REPORT_SECTION && last.early === undefined;
    const { bytes, vmdesc } = reportRequested ? withoutReportRequest(record.bytes) : record;
    const early = { beforeRam: concat(...this.#beforeRam), early: concat(...this.#early) };
    const isEmpty = !this.#hasEarlyDevice && bytes[0] === SECTION.EOF;
    const sections = isEmpty || record.sections.length > 0 ? record.sections : undefined;
    if (sections === undefined) this.#host.warn(NOT_DESCRIBED);
    return {
      configuration: this.#configuration,
      sections: sections?.filter((section) => section.idstr !== REPORT_SECTION),
      ...early,
      bytes,
      vmdesc,
      reportRequested,
    };
  }
}

function closedBeforeTold(): MultifdError {
  return new MultifdError(
    'peer-closed',
    'main stream: the source closed it before it was told how the migration ended',
    {
      hint: "see the source's own message",
    },
  );
}
