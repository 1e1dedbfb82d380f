import { MultifdError } from '../../errors.js';
import { AUTO } from '../../methods/registry.js';
import { checkLiveParameters } from '../../parameters.js';
import { DirtyBitmap } from '../../ram/dirty-bitmap.js';
import type { ClaimedPagesData } from '../../send/claimed-pages.js';
import { MIGRATION_THREAD, notLoaded, refusedEarly } from '../../send/diagnosis.js';
import { SendSide } from '../../send/side.js';
import { API_THREAD } from '../../thread/first-failure.js';
import { type Thread, ThreadGroup } from '../../thread/group.js';
import { saidBySource, withGuest } from '../../thread/guest-place.js';
import type { MigrationIo } from '../../transport/socket-io.js';
import { type CheckPlan, transferOf } from '../../zero/open-checker.js';
import type { LiveParameters, MigrateOptions, MigrateResult } from '../api.js';
import { emit } from '../emit.js';
import type { SourceStatistics } from '../statistics.js';
import { StatusMachine } from '../status.js';
import { GuestKeeper } from './guest-keeper.js';
import type { FromMigrationThread, SourceMigrationData, ToMigrationThread } from './messages.js';
import { MethodChooser } from './method-chooser.js';
import type { CheckedSource } from './options.js';
import { SourceMeter } from './source-meter.js';

/** ms between two `progress` events. */
const PROGRESS_INTERVAL = 100;

/** One migration on its source, in the API thread: it owns the status, the sending side and the guest's callbacks. */
export class SourceMigration {
  readonly #options: MigrateOptions;
  readonly #checked: CheckedSource;
  readonly #status: StatusMachine;
  readonly #side: SendSide;
  readonly #dirty: readonly DirtyBitmap[];
  /** What channels claim from: the dirty bitmaps; with `legacy` those that the migration thread fills. */
  readonly #work: readonly DirtyBitmap[];
  readonly #meter: SourceMeter;
  readonly #keeper: GuestKeeper;
  /** The migration thread alone. */
  readonly #threads: ThreadGroup<ToMigrationThread, FromMigrationThread>;
  readonly #outcome = Promise.withResolvers<void>();
  readonly #reported = Promise.withResolvers<Uint8Array | undefined>();
  readonly #mainReady = Promise.withResolvers<void>();
  /** For `multifd-compression=auto`. */
  readonly #chooser: MethodChooser | undefined;
  #migration: Thread<ToMigrationThread> | undefined;
  #isMainReady = false;
  #channelsDone = 0;
  #sentAll = false;
  #rounds = 0;
  /** After a failure: what has become of the guest here, if it is not intact. */
  #damage: MultifdError | undefined;

  constructor(options: MigrateOptions, checked: CheckedSource, io: MigrationIo | undefined) {
    const { ram } = options.guest;
    const { parameters, address, uuid } = checked;
    this.#options = options;
    this.#checked = checked;
    this.#status = new StatusMachine((status) => emit(options.onEvent, { type: 'status', status }));
    this.#side = new SendSide(
      {
        address,
        parameters,
        uuid,
        pageSize: ram.pageSize,
        accelerator: options.accelerator,
        fallbacks: options.fallbacks ?? [],
        methodModules: options.methodModules ?? [],
        methodSettings: options.methodSettings ?? {},
        io,
        channelName: 'channel',
        entry: 'source-channel',
      },
      {
        failed: (error) => this.#failed(error),
        replaced: (replacement) => emit(options.onEvent, { type: 'accelerator-replaced', replacement }),
        channelDone: () => {
          this.#channelsDone++;
          this.#maybeComplete();
        },
        methodRefused: (reason) => this.#chooser?.refused(reason),
        method: () => this.#chooser?.decision?.name ?? parameters.multifdCompression,
        beside: {
          threads: 1,
          missing: () => (this.#isMainReady ? 0 : 1) + (this.#chooser?.isOpen === false ? 1 : 0),
          late: () => (this.#chooser?.isOpen === false ? notLoaded(parameters) : undefined),
        },
      },
    );
    this.#side.control.limitDowntime(parameters.downtimeLimit);
    const pages = ram.blocks.map((block) => block.length / ram.pageSize);
    this.#dirty = pages.map((count, index) => {
      const given = ram.dirty?.[index];
      return given === undefined ? DirtyBitmap.allocate(count) : new DirtyBitmap(given, count);
    });
    const legacy = parameters.zeroPageDetection === 'legacy';
    this.#work = legacy ? pages.map((count) => DirtyBitmap.allocate(count)) : this.#dirty;
    this.#meter = new SourceMeter(ram, this.#side.counters, new Set([...this.#dirty, ...this.#work]));
    if (parameters.multifdCompression === AUTO) {
      this.#chooser = new MethodChooser({
        ram,
        modules: options.methodModules ?? [],
        settings: options.methodSettings ?? {},
        counters: this.#side.counters,
        control: this.#side.control,
        warn: (message) => this.#warn(message),
      });
    }
    this.#keeper = new GuestKeeper(options.guest, checked.live);
    this.#threads = new ThreadGroup(
      (error) => this.#decided(this.#side.died(error, 0)),
      this.#side.failures,
      io?.interrupt,
    );
    // Mark the rejections handled: a migration that fails has nobody who awaits them.
    this.#reported.promise.catch(() => {});
    this.#mainReady.promise.catch(() => {});
  }

  /** @throws MultifdError with who has the guest. */
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
    const { signal } = this.#options;
    const onAbort = (): void => this.cancel();
    const progress = setInterval(() => this.#tellProgress(), PROGRESS_INTERVAL);
    signal?.addEventListener('abort', onAbort);
    let report: Uint8Array | undefined;
    try {
      this.#status.to('setup');
      if (signal?.aborted) this.cancel();
      else this.#start();
      await this.#outcome.promise;
      if (this.#options.requestReport === true) report = await this.#reported.promise;
    } finally {
      clearInterval(progress);
      this.#side.unwatch();
      this.#side.failures.close();
      signal?.removeEventListener('abort', onAbort);
      const waitsForReport = this.#options.requestReport === true && report === undefined;
      if (!this.#status.is('completed') || waitsForReport) this.#stopThreads();
      await Promise.all([this.#threads.join(), this.#side.join(), this.#chooser?.end()]);
      await this.#side.close();
      if (!this.#status.is('completed')) {
        // Before it runs on here, and writes to its memory.
        this.#damage = await this.#keeper.damage();
        await this.#keeper.giveBack();
      }
      if (this.#status.is('cancelling')) this.#status.to('cancelled');
    }
    const { replaced } = this.#side;
    const accelerator =
      this.#checked.parameters.zeroPageDetection === 'none'
        ? undefined
        : (replaced.at(-1)?.by ?? this.#options.accelerator);
    return {
      status: 'completed',
      statistics: this.#meter.read(),
      accelerator,
      replaced: [...replaced],
      compression: this.#chooser?.decision,
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

  /** Off, unless the destination may have the guest already: then its word decides. */
  cancel(): void {
    if (this.#status.is('completed')) this.#reported.resolve(undefined);
    if (this.#status.isOver || this.#status.is('cancelling')) return;
    if (!this.#side.control.keep()) {
      this.#warn('too late to cancel: the destination has everything, and its word decides');
      return;
    }
    this.#status.to('cancelling');
    this.#stopThreads();
    this.#outcome.reject(new MultifdError('cancelled', 'the migration was cancelled'));
  }

  /** Opens what the threads share, then the threads; main connects when all of them, and `auto`, are ready. */
  #start(): void {
    const chooser = this.#chooser?.open().catch((cause: unknown) => {
      this.#fail(MultifdError.from(cause, 'codec-unavailable', 'multifd-compression auto'));
      throw cause;
    });
    Promise.all([this.#side.ready, this.#mainReady.promise, chooser]).then(
      () => this.#migration?.post({ type: 'connect' }),
      () => {},
    );
    this.#side.connected.then(
      () => this.#migration?.post({ type: 'channels-connected' }),
      () => {},
    );
    this.#side.open((plan) => {
      if (!this.#status.isOver && !this.#status.is('cancelling')) this.#spawn(plan);
    });
  }

  #spawn(plan: () => CheckPlan | undefined): void {
    const { configuration, live, parameters } = this.#checked;
    const { guest } = this.#options;
    const { link } = this.#side;
    const shared = {
      ram: { pageSize: guest.ram.pageSize, blocks: guest.ram.blocks },
      work: this.#work.map((bitmap) => bitmap.buffer),
    };
    const data: SourceMigrationData = {
      ...link,
      ...shared,
      check: parameters.zeroPageDetection === 'legacy' ? plan() : undefined,
      configuration,
      live,
      dirty: this.#dirty.map((bitmap) => bitmap.buffer),
      requestReport: this.#options.requestReport === true,
      asksIntact: this.#options.guest.intact !== undefined,
    };
    this.#migration = this.#threads.spawn(
      'source-migration',
      MIGRATION_THREAD,
      data,
      (message) => this.#onMessage(message),
      transferOf(data.check),
    );
    this.#side.spawnChannels((channel): ClaimedPagesData => {
      const check = parameters.zeroPageDetection === 'multifd' ? plan() : undefined;
      return { link, check, channel, ...shared };
    });
  }

  #onMessage(message: FromMigrationThread): void {
    switch (message.type) {
      case 'ready':
        this.#isMainReady = true;
        this.#mainReady.resolve();
        return;
      case 'connected':
        // Main comes first: a QEMU before 8.0 takes its first connection for main (docs/wire.md, 1).
        this.#side.connect({
          blocks: [],
          zeroPageDetection: this.#checked.parameters.zeroPageDetection,
        });
        return;
      case 'active':
        this.#meter.setupOver();
        this.#step('active');
        this.#chooser?.begin();
        return;
      case 'ask-early':
        this.#answer(async () => ({ type: 'early-state', ...(await this.#keeper.earlyState()) }));
        return;
      case 'sync-dirty':
        this.#answer(async () => {
          await this.#keeper.syncDirty();
          return { type: 'dirty-synced' };
        });
        return;
      case 'ask-intact':
        this.#answer(async () => {
          await this.#keeper.intact();
          return { type: 'intact' };
        });
        return;
      case 'stop-guest':
        this.#answer(() => this.#stopGuest());
        return;
      case 'round':
        this.#rounds++;
        this.#meter.roundOver(message.round);
        if (this.#status.isOver) return;
        emit(this.#options.onEvent, { type: 'progress', statistics: this.#meter.read() });
        if (message.round.stalled)
          emit(this.#options.onEvent, { type: 'stalled', statistics: this.#meter.read() });
        return;
      case 'completed':
        this.#sentAll = true;
        this.#maybeComplete();
        return;
      case 'replaced':
        this.#side.noteReplaced(message.replacement);
        return;
      case 'report':
        this.#reported.resolve(message.report);
        return;
      case 'failed':
        this.#decided(MultifdError.fromReport(message.error));
        return;
      case 'done':
      case 'stopped':
        return;
    }
  }

  async #stopGuest(): Promise<ToMigrationThread> {
    this.#meter.guestStops();
    await this.#keeper.stop();
    // What is chosen from now on would be loaded, and tried in this thread, while the guest stands still.
    if (this.#checked.live) void this.#chooser?.end();
    this.#step('device');
    return { type: 'guest-stopped', ...(await this.#keeper.deviceState()) };
  }

  /** Lets the guest's owner do something that the migration thread waits for. */
  #answer(work: () => Promise<ToMigrationThread>): void {
    work().then(
      (message) => this.#migration?.post(message),
      (error: unknown) => this.#fail(MultifdError.from(error, 'guest', 'the guest')),
    );
  }

  /** A step that a failure or cancellation may have overtaken. */
  #step(status: 'active' | 'device'): void {
    if (!this.#status.isOver && !this.#status.is('cancelling')) this.#status.to(status);
  }

  /** With a return path the destination's word counts; without one, that every byte has left. */
  #maybeComplete(): void {
    if (!this.#sentAll || !this.#status.is('device')) return;
    const { returnPath, multifdChannels } = this.#checked.parameters;
    if (!returnPath && this.#channelsDone < multifdChannels) return;
    this.#meter.completed();
    this.#status.to('completed');
    // A cancellation that came too late for the migration is not too late for the report.
    if (this.#options.signal?.aborted) this.#reported.resolve(undefined);
    this.#outcome.resolve();
  }

  /**
   * The first error decides, unless the guest has been handed over: then only the migration thread can tell, which
   * waits for the destination's word, and not for ever.
   */
  #fail(error: MultifdError): void {
    this.#side.failures.hear(API_THREAD, () => this.#failed(error));
  }

  #failed(error: MultifdError): void {
    // Without a return path a connection that breaks is the destination's last word: it may not have read what was on
    // its way there.
    if (this.#side.control.keep() || !this.#checked.parameters.returnPath) this.#decided(error);
  }

  /** The migration is off, unless the destination has said that it has the guest. */
  #decided(error: MultifdError): void {
    if (!this.#status.isOver && !this.#side.control.settle()) {
      this.#sentAll = true;
      this.#maybeComplete();
    }
    if (this.#status.is('completed')) this.#noReport(error);
    if (this.#status.isOver || this.#status.is('cancelling')) return;
    const early = this.#status.is('setup') || this.#rounds === 0;
    this.#status.to('failed');
    this.#stopThreads();
    this.#outcome.reject(early && error.code === 'peer-closed' ? refusedEarly(error) : error);
  }

  /** After completion there is nothing left to fail but the report. */
  #noReport(error: MultifdError): void {
    if (this.#options.requestReport === true) {
      this.#warn(`no report from the destination: ${error.message}`);
    }
    this.#reported.resolve(undefined);
  }

  #warn(message: string): void {
    emit(this.#options.onEvent, { type: 'warning', message });
  }

  #stopThreads(): void {
    this.#side.stop();
    this.#threads.stop({ type: 'abort' });
  }

  #tellProgress(): void {
    if (!this.#status.is('active')) return;
    emit(this.#options.onEvent, { type: 'progress', statistics: this.#meter.read() });
  }
}
