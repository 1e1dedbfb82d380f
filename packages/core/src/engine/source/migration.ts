import { MultifdError } from '../../errors.js';
import { AUTO } from '../../methods/shape.js';
import { checkLiveParameters, type ZeroPageDetection } from '../../parameters.js';
import type { ClaimedPagesData } from '../../send/claimed-pages.js';
import { MIGRATION_THREAD, notLoaded } from '../../send/diagnosis.js';
import { SendSide } from '../../send/side.js';
import { type Thread, ThreadGroup } from '../../thread/group.js';
import { saidBySource, withGuest } from '../../thread/guest-place.js';
import { lookUp } from '../../transport/look-up.js';
import type { MigrationIo } from '../../transport/socket-io.js';
import type { TlsPeer } from '../../transport/tls/credentials.js';
import { type CheckPlan, transferOf } from '../../zero/open-checker.js';
import type { LiveParameters, MigrateOptions, MigrateResult } from '../api.js';
import { emit } from '../emit.js';
import type { SourceStatistics } from '../statistics.js';
import { StatusMachine } from '../status.js';
import { type SourceBitmaps, sharedMemory, sourceBitmaps } from './bitmaps.js';
import { SourceEnding } from './ending.js';
import { GuestKeeper } from './guest-keeper.js';
import { GuestService } from './guest-service.js';
import type { FromMigrationThread, RoundReport, ToMigrationThread } from './messages.js';
import { chooserOptions, MethodChooser } from './method-chooser.js';
import { type CheckedSource, migrationData, sideOptions } from './options.js';
import { SourceMeter } from './source-meter.js';
import { Timeout } from './timeout.js';

/** ms between two `progress` events. */
const PROGRESS_INTERVAL = 100;

/** One migration on its source, in the API thread: owns the status, the sending side and the guest's callbacks. */
export class SourceMigration {
  readonly #options: MigrateOptions;
  readonly #checked: CheckedSource;
  readonly #status: StatusMachine;
  readonly #side: SendSide;
  readonly #bitmaps: SourceBitmaps;
  readonly #meter: SourceMeter;
  readonly #keeper: GuestKeeper;
  readonly #guest: GuestService;
  readonly #timeout: Timeout;
  /** The migration thread alone. */
  readonly #threads: ThreadGroup<ToMigrationThread, FromMigrationThread>;
  readonly #ending: SourceEnding;
  readonly #mainReady = Promise.withResolvers<void>();
  /** For `multifd-compression=auto`. */
  readonly #chooser: MethodChooser | undefined;
  #migration: Thread<ToMigrationThread> | undefined;
  #isMainReady = false;
  /** Who the destination is. */
  #tls: TlsPeer | undefined;
  /** After a failure: what happened to the guest here. */
  #damage: MultifdError | undefined;

  constructor(options: MigrateOptions, checked: CheckedSource, io: MigrationIo | undefined) {
    const { ram } = options.guest;
    const { parameters } = checked;
    const warn = (message: string): void => emit(options.onEvent, { type: 'warning', message });
    this.#options = options;
    this.#checked = checked;
    this.#status = new StatusMachine((status) => emit(options.onEvent, { type: 'status', status }));
    this.#side = new SendSide(sideOptions(options, checked, io), {
      failed: (error) => this.#ending.failed(error),
      replaced: (replacement) => emit(options.onEvent, { type: 'accelerator-replaced', replacement }),
      channelDone: () => this.#ending.channelDone(),
      methodRefused: (reason) => this.#chooser?.refused(reason),
      method: () => this.#chooser?.decision?.name ?? parameters.multifdCompression,
      beside: {
        threads: 1,
        missing: () => (this.#isMainReady ? 0 : 1) + (this.#chooser?.isOpen === false ? 1 : 0),
        late: () => (this.#chooser?.isOpen === false ? notLoaded(parameters) : undefined),
      },
    });
    this.#side.control.limitDowntime(parameters.downtimeLimit);
    this.#bitmaps = sourceBitmaps(ram, parameters.zeroPageDetection === 'legacy');
    const { dirty, work } = this.#bitmaps;
    this.#meter = new SourceMeter(ram, this.#side.counters, new Set([...dirty, ...work]));
    this.#ending = new SourceEnding({
      status: this.#status,
      parameters,
      announced: { machineType: options.guest.machineType ?? 'none', tls: options.tls },
      control: this.#side.control,
      failures: this.#side.failures,
      requestReport: options.requestReport === true,
      isAborted: () => options.signal?.aborted === true,
      isStopping: () => this.#guest.isStopping,
      warn,
      completed: () => this.#meter.completed(),
      stopThreads: () => this.#stopThreads(),
    });
    if (parameters.multifdCompression === AUTO)
      this.#chooser = new MethodChooser(chooserOptions(options, this.#side, warn));
    this.#keeper = new GuestKeeper(options.guest, checked.live);
    this.#guest = new GuestService({
      keeper: this.#keeper,
      meter: this.#meter,
      ending: this.#ending,
      control: this.#side.control,
      post: (message) => this.#migration?.post(message),
      // A method chosen from now on would be loaded, and tried in this thread, while the guest is stopped.
      stopped: () => void (checked.live && this.#chooser?.end()),
      throttled: (percent) => emit(options.onEvent, { type: 'throttled', percent }),
    });
    this.#timeout = new Timeout({
      parameters,
      live: checked.live,
      isStopping: () => this.#guest.isStopping,
      pace: () => this.#meter.pace(),
      fail: (error) => this.#ending.fail(error),
      suspend: () => this.#guest.suspend(),
    });
    this.#threads = new ThreadGroup(
      (error) => this.#ending.mainFailed(this.#side.died(error, 0)),
      this.#side.failures,
      io?.interrupt,
    );
    // Mark the rejection handled: after a failure nobody awaits it.
    this.#mainReady.promise.catch(() => {});
  }

  /** @throws MultifdError that says who has the guest. */
  async run(): Promise<MigrateResult> {
    try {
      return await this.#run();
    } catch (cause) {
      const error = MultifdError.from(cause, 'internal', 'migration');
      const damage = this.#damage?.message;
      const said = damage === undefined ? undefined : damage === error.message ? [] : [damage];
      throw withGuest(error, saidBySource(this.#side.control.guest, said));
    }
  }

  async #run(): Promise<MigrateResult> {
    const { signal, requestReport } = this.#options;
    const onAbort = (): void => this.cancel(signal?.reason);
    const progress = setInterval(() => this.#status.is('active') && this.#emitProgress(), PROGRESS_INTERVAL);
    signal?.addEventListener('abort', onAbort);
    let report: Uint8Array | undefined;
    try {
      this.#status.to('setup');
      if (signal?.aborted) onAbort();
      else this.#start();
      await this.#ending.outcome;
      if (requestReport === true) report = await this.#ending.report;
    } finally {
      clearInterval(progress);
      this.#timeout.close();
      this.#side.unwatch();
      this.#ending.close();
      signal?.removeEventListener('abort', onAbort);
      if (!this.#status.is('completed') || (requestReport === true && !report)) this.#stopThreads();
      await Promise.all([this.#threads.join(), this.#side.join(), this.#chooser?.end()]);
      await this.#side.close();
      if (!this.#status.is('completed')) {
        // Before the guest runs on and writes to its memory.
        this.#damage = await this.#keeper.damage();
        await this.#keeper.giveBack();
      }
      if (this.#status.is('cancelling')) this.#status.to('cancelled');
    }
    return {
      status: 'completed',
      statistics: this.#meter.read(),
      accelerator: this.#checked.parameters.zeroPageDetection === 'none' ? undefined : this.#side.accelerator,
      replaced: [...this.#side.replaced],
      compression: this.#chooser?.decision,
      tls: this.#side.withChannels(this.#tls),
      report,
    };
  }

  statistics(): SourceStatistics {
    return this.#meter.read();
  }

  /** @throws MultifdError `usage`; then nothing is changed. */
  setParameters(changes: Partial<LiveParameters>): void {
    const { maxBandwidth, downtimeLimit } = checkLiveParameters(changes);
    if (maxBandwidth !== undefined) this.#side.bandwidth.change(maxBandwidth);
    if (downtimeLimit !== undefined) this.#side.control.limitDowntime(downtimeLimit);
  }

  /** Cancels, unless the destination may have the guest already: then its answer decides. */
  cancel(cause?: unknown): void {
    this.#ending.cancel(cause);
  }

  /** Opens what the threads share, then the threads; main connects when all of them, and `auto`, are ready. */
  #start(): void {
    const chooser = this.#chooser?.open().catch((cause: unknown) => {
      this.#ending.fail(MultifdError.from(cause, 'codec-unavailable', 'multifd-compression auto'));
      throw cause;
    });
    const { address, parameters } = this.#checked;
    const found = lookUp(address, 'main stream', parameters.setupTimeout);
    found.catch((cause: unknown) => this.#ending.fail(MultifdError.from(cause, 'io', 'main stream')));
    Promise.all([found, this.#side.ready, this.#mainReady.promise, chooser]).then(
      ([addresses]) => this.#migration?.post({ type: 'connect', addresses }),
      () => {},
    );
    this.#side.connected.then(
      () => this.#migration?.post({ type: 'channels-connected' }),
      () => {},
    );
    this.#side.open((plan) => {
      if (!this.#ending.isDecided) this.#spawn(plan);
    });
  }

  #spawn(plan: () => CheckPlan | undefined): void {
    const { zeroPageDetection } = this.#checked.parameters;
    const checkOf = (where: ZeroPageDetection) => (zeroPageDetection === where ? plan() : undefined);
    const { link } = this.#side;
    const shared = sharedMemory(this.#options.guest, this.#bitmaps);
    const check = checkOf('legacy');
    this.#migration = this.#threads.spawn('source-migration', {
      where: MIGRATION_THREAD,
      data: { ...migrationData(this.#options, this.#checked, this.#bitmaps), ...link, ...shared, check },
      onMessage: (message) => this.#onMessage(message),
      transfer: transferOf(check),
    });
    this.#side.spawnChannels(
      (channel): ClaimedPagesData => ({ link, check: checkOf('multifd'), channel, ...shared }),
    );
  }

  #onMessage(message: FromMigrationThread): void {
    const { zeroPageDetection } = this.#checked.parameters;
    switch (message.type) {
      case 'ready':
        this.#isMainReady = true;
        this.#mainReady.resolve();
        return;
      case 'connected':
        this.#tls = message.tls;
        // Main comes first: a QEMU before 8.0 takes its first connection for main (docs/wire.md, 1).
        this.#side.connect({ blocks: [], zeroPageDetection, addresses: message.addresses });
        return;
      case 'reason':
      case 'return-path-ended':
        this.#ending.heard(message);
        return;
      case 'active':
        this.#meter.setupOver();
        this.#ending.step('active');
        this.#timeout.active();
        this.#chooser?.begin();
        return;
      case 'ask-early':
      case 'sync-dirty':
      case 'ask-intact':
      case 'stop-guest':
      case 'throttle':
        this.#guest.serve(message);
        return;
      case 'round':
        this.#roundOver(message.round);
        return;
      case 'sent-all':
        this.#meter.sentAll(message);
        return;
      case 'completed':
        this.#ending.sentAll();
        return;
      case 'replaced':
        this.#side.noteReplaced(message.replacement);
        return;
      case 'report':
        this.#ending.reported(message.report);
        return;
      case 'failed':
        this.#ending.mainFailed(MultifdError.fromReport(message.error));
        return;
      case 'done':
      case 'stopped':
        return;
    }
  }

  #roundOver(report: RoundReport): void {
    const round = this.#meter.roundOver(report);
    if (this.#status.isOver) return;
    this.#emitProgress();
    emit(this.#options.onEvent, { type: 'round', round });
    if (report.stalled) emit(this.#options.onEvent, { type: 'stalled', statistics: this.#meter.read() });
  }

  #stopThreads(): void {
    this.#side.stop();
    this.#threads.stop({ type: 'abort' });
  }

  #emitProgress(): void {
    const statistics = this.#meter.read();
    emit(this.#options.onEvent, { type: 'progress', round: statistics.dirtySyncCount, statistics });
  }
}
