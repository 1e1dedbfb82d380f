import { type GuestPlace, MultifdError } from '../../errors.js';
import type { MigrationParameters } from '../../parameters.js';
import { DestinationControl } from '../../recv/control.js';
import type { ReceivedState } from '../../recv/main-host.js';
import { Counters } from '../../thread/counters.js';
import { type GuestWord, NOT_CLOSED, withGuest } from '../../thread/guest-place.js';
import { HangWatch } from '../../thread/hang-watch.js';
import type { Address } from '../../transport/address.js';
import { transferOf } from '../../transport/handover.js';
import { Listener } from '../../transport/listener.js';
import type { MigrationIo } from '../../transport/socket-io.js';
import { TlsAcceptor } from '../../transport/tls/acceptor.js';
import { withChannels } from '../../transport/tls/by-whom.js';
import type { TlsPeer } from '../../transport/tls/credentials.js';
import { emit } from '../emit.js';
import { StatusMachine } from '../status.js';
import { Admission } from './admission.js';
import type { CommonOptions } from './common-options.js';
import { complete } from './completion.js';
import { DestinationMeter } from './destination-meter.js';
import { died, hangs } from './diagnosis.js';
import { DestinationEnding } from './ending.js';
import { IncomingThreads } from './incoming-threads.js';
import type { FoundBlocks, FromIncomingThread, ToIncomingThread } from './messages.js';
import { MethodsReady } from './methods-ready.js';
import type { DestinationRole } from './role.js';
import { SetupLimit } from './setup-limit.js';
import { SourceWatch } from './source-watch.js';

/** ms between two `progress` events. */
const PROGRESS_INTERVAL = 100;

/** One migration on its destination, in the API thread: owns the listener, the threads and the status. */
export class DestinationMigration<Result> {
  readonly #options: CommonOptions;
  readonly #role: DestinationRole<Result>;
  readonly #parameters: MigrationParameters;
  readonly #pageSize: number;
  readonly #uuid: Uint8Array;
  readonly #io: MigrationIo | undefined;
  readonly #status: StatusMachine;
  readonly #control: DestinationControl;
  readonly #counters: Counters;
  readonly #meter: DestinationMeter;
  readonly #sourceWatch: SourceWatch;
  readonly #threads: IncomingThreads;
  readonly #admission: Admission;
  readonly #ending: DestinationEnding<Result>;
  readonly #setupLimit: SetupLimit;
  #machineType = 'none';
  #acceptor: TlsAcceptor | undefined;
  /** Who the source is. */
  #tls: TlsPeer | undefined;

  constructor(
    options: CommonOptions,
    role: DestinationRole<Result>,
    parameters: MigrationParameters,
    pageSize: number,
    uuid: Uint8Array,
    io: MigrationIo | undefined,
  ) {
    this.#options = options;
    this.#role = role;
    this.#parameters = parameters;
    this.#pageSize = pageSize;
    this.#uuid = uuid;
    this.#io = io;
    this.#status = new StatusMachine((status) => emit(options.onEvent, { type: 'status', status }));
    this.#control = DestinationControl.allocate(parameters.multifdChannels);
    this.#counters = Counters.allocate(parameters.multifdChannels + 1);
    this.#meter = new DestinationMeter(this.#counters, pageSize);
    this.#sourceWatch = new SourceWatch(this.#control, this.#counters, this.#meter, parameters);
    this.#ending = new DestinationEnding({
      status: this.#status,
      control: this.#control,
      role,
      warn: (message) => emit(options.onEvent, { type: 'warning', message }),
      leave: () => this.#threads.of(undefined).post({ type: 'leave' }),
    });
    this.#threads = new IncomingThreads(
      {
        message: (message) => this.#onMessage(message),
        failed: (where, error) => this.#failedIn(where, error),
        died: (where, error, notes) => this.#failedIn(where, died(parameters, error, notes, this.#counters)),
      },
      role,
      io?.interrupt,
    );
    const { multifdChannels: channels, setupTimeout } = parameters;
    this.#setupLimit = new SetupLimit(setupTimeout, () =>
      this.#ending.fail(this.#admission.missing(setupTimeout)),
    );
    this.#admission = new Admission(
      { channels, pageSize, uuid, machineType: options.machineType },
      setupTimeout,
      {
        refused: (peer, reason) => emit(options.onEvent, { type: 'refused', peer, reason }),
        introduced: (mayHaveLetGo) => this.#sourceBegins(mayHaveLetGo),
        withdrawn: () => this.#setupLimit.withdraw(),
        failed: (error) => this.#ending.fail(error),
        handOver: (channel, connection, peer, head) =>
          this.#threads
            .of(channel)
            .post({ type: 'connection', connection, peer, head }, transferOf(connection)),
        complete: (tls) => this.#allConnected(tls),
      },
    );
  }

  /** Listens; call `run` next. @throws MultifdError `io`; then nothing is left open. */
  async listen(address: Address): Promise<Listener> {
    const { tls } = this.#options;
    const died = (error: MultifdError): void => this.#ending.failed(error);
    if (tls !== undefined)
      this.#acceptor = new TlsAcceptor(tls, this.#parameters, this.#io?.tlsSuites, this.#role.failures, died);
    try {
      return await Listener.open(address, (accepted) => this.#admission.connected(accepted), this.#acceptor);
    } catch (error) {
      await this.#acceptor?.close();
      this.#io?.interrupt.close();
      throw error;
    }
  }

  #sourceBegins(mayHaveLetGo: boolean): void {
    if (this.#status.is('setup') && this.#setupLimit.begin(mayHaveLetGo)) this.#meter.begins();
  }

  /** @throws MultifdError that says who has the guest. */
  async run(listener: Listener): Promise<Result> {
    try {
      return await this.#run(listener);
    } catch (cause) {
      throw withGuest(MultifdError.from(cause, 'internal', 'migration'), this.#word);
    }
  }

  /** Who has the guest; undefined if none has come. */
  get #word(): GuestWord | undefined {
    if (!this.#setupLimit.hasBegun) return undefined;
    // Before main has its thread, only admission has read whether the source waits for an answer.
    const mayHaveLetGo = !this.#control.knowsWhoWaits && this.#setupLimit.mayHaveLetGo;
    return this.#role.word(mayHaveLetGo ? 'either' : this.#control.guest);
  }

  /** See `Incoming.guest`. */
  guest(): GuestWord | undefined {
    const { isTold, isWaitedFor } = this.#control;
    return isTold && isWaitedFor && !this.#ending.hasClosed ? NOT_CLOSED : this.#word;
  }

  async #run(listener: Listener): Promise<Result> {
    const { signal } = this.#options;
    const onAbort = (): void => this.cancel(signal?.reason);
    const { stallTimeout } = this.#parameters;
    const progress = setInterval(() => this.#watch(), PROGRESS_INTERVAL);
    const together = (row: number): readonly number[] => this.#threads.together(row);
    const hangWatch = new HangWatch(this.#counters, stallTimeout, together, (row) =>
      this.#ending.fail(hangs(this.#parameters, row, this.#counters.row(row))),
    );
    const methods = new MethodsReady(
      this.#parameters,
      () => this.#threads.ready,
      (error) => this.#ending.fail(error),
    );
    signal?.addEventListener('abort', onAbort);
    /** The reason for the source. */
    let reason: MultifdError | undefined;
    try {
      this.#status.to('setup');
      if (signal?.aborted) {
        onAbort();
      } else {
        methods.check(this.#options.methodModules ?? []);
        this.#role.open((error) => this.#ending.failed(error));
        // Before any connection is read, so that a missing method is reported at once.
        this.#openThreads();
        this.#admission.open();
      }
      return await this.#ending.outcome;
    } catch (cause) {
      const failure = MultifdError.from(cause, 'internal', 'migration');
      if (this.#role.isNews(failure)) reason = failure;
      throw failure;
    } finally {
      listener.stopListening();
      const dismissed = this.#admission.close(reason);
      clearInterval(progress);
      methods.close();
      hangWatch.close();
      this.#setupLimit.end();
      this.#role.failures.close();
      signal?.removeEventListener('abort', onAbort);
      if (!this.#status.is('completed')) {
        this.#control.abort();
        this.#threads.stop(reason);
      }
      const completed = this.#status.is('completed');
      await Promise.all([dismissed, this.#threads.join(), this.#role.close(completed)]);
      await this.#acceptor?.close();
      listener.close();
      this.#io?.interrupt.close();
      if (this.#status.is('cancelling')) this.#status.to('cancelled');
    }
  }

  #openThreads(): void {
    this.#threads.open({
      parameters: this.#parameters,
      pageSize: this.#pageSize,
      uuid: this.#uuid,
      machineType: this.#options.machineType,
      control: this.#control.buffer,
      counters: this.#counters.buffer,
      tls: this.#acceptor !== undefined,
      socketIo: this.#io?.link,
      methodModules: this.#options.methodModules ?? [],
      methodSettings: this.#options.methodSettings ?? {},
    });
  }

  #allConnected(tls: TlsPeer | undefined): void {
    this.#tls = tls;
    this.#setupLimit.end();
    if (this.#status.is('setup')) this.#status.to('active');
  }

  #onMessage(message: FromIncomingThread): void {
    if (message.type === 'configuration') this.#machineType = message.machineType;
    else if (message.type === 'reason') this.#role.heard(MultifdError.fromReport(message.reason));
    else if (message.type === 'return-path-ended') this.#role.returnPathEnded();
    else if (message.type === 'secured') this.#role.secured(message.peer);
    else if (message.type === 'warning') emit(this.#options.onEvent, message);
    else if (message.type === 'blocks') this.#guarded('openRam', () => this.#place(message));
    else if (message.type === 'ending') this.#guarded('ending', () => this.#allRead());
    else if (message.type === 'received') this.#guarded('commit', () => this.#complete(message.received));
    else if (message.type === 'told') this.#ending.sourceIsTold();
    else if (message.type === 'farewell') this.#ending.mainHasEnded(message.closed);
  }

  async #place(found: FoundBlocks): Promise<void> {
    this.#meter.ramOpened(found.blocks.reduce((sum, block) => sum + block.length, 0));
    this.#threads.broadcast(await this.#role.place(found, this.#machineType));
  }

  /** Main was read to its end. From `device` on a relay may hand the guest over. */
  async #allRead(): Promise<void> {
    await this.#admission.settled();
    if (!this.#status.is('active')) return;
    this.#status.to('device');
    this.#threads.of(undefined).post({ type: 'settled' });
  }

  async #complete(received: ReceivedState): Promise<void> {
    const host = {
      status: this.#status,
      control: this.#control,
      meter: this.#meter,
      role: this.#role,
      ending: this.#ending,
      tellMain: (message: ToIncomingThread) => this.#threads.of(undefined).post(message),
      result: (guest: GuestPlace) => {
        const tls = withChannels(this.#tls, this.#counters, this.#io?.name);
        return this.#role.result(this.#machineType, received, this.#meter.read(), guest, tls);
      },
    };
    await complete(host, received.reportRequested);
  }

  #guarded(what: string, work: () => Promise<void>): void {
    work().catch((error: unknown) =>
      this.#ending.fail(MultifdError.from(error, 'guest', `the ${what} callback failed`)),
    );
  }

  #watch(): void {
    if (!this.#status.is('active')) return;
    emit(this.#options.onEvent, { type: 'progress', statistics: this.#meter.read() });
    const error = this.#sourceWatch.look();
    if (error !== undefined) this.#ending.fail(error);
  }

  #failedIn(where: string, error: MultifdError): void {
    if (this.#threads.isMain(where)) {
      this.#role.returnPathEnded();
      this.#ending.mainFailed(error);
    } else {
      this.#ending.failed(error);
    }
  }

  /** As `DestinationEnding.cancel`. */
  cancel(cause?: unknown): void {
    this.#ending.cancel(cause);
  }
}
