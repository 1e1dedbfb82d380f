import { type MigrationIo, prepareSocketIo } from '../../channel/socket-io.js';
import { MultifdError } from '../../errors.js';
import { AUTO } from '../../methods/registry.js';
import { DirtyBitmap } from '../../ram/dirty-bitmap.js';
import { CheckPlans, transferOf } from '../../zero/open-checker.js';
import type { AcceleratorReplacement } from '../../zero/page-checker.js';
import type { MigrateOptions, MigrateResult } from '../api.js';
import { BandwidthLimit } from '../bandwidth.js';
import { Counters } from '../counters.js';
import { emit } from '../emit.js';
import { withGuest } from '../guest-place.js';
import { HangWatch } from '../hang-watch.js';
import { StatusMachine } from '../status.js';
import { type Thread, ThreadGroup } from '../thread-group.js';
import { died, hangs, MIGRATION_THREAD, notLoaded, notReady, refusedEarly, type Suspects } from './blame.js';
import { SourceControl } from './control.js';
import { GuestKeeper } from './guest-keeper.js';
import type { FromSourceThread, SourceThreadData, ToSourceThread } from './messages.js';
import { MethodChooser } from './method-chooser.js';
import { type CheckedSource, checkSource } from './options.js';
import { SourceMeter } from './source-meter.js';

/** ms between two `progress` events. */
const PROGRESS_INTERVAL = 100;

/** Memory that a migration is reading: a guest can go to one place at a time. */
const migrating = new WeakSet<object>();

/**
 * Migrates a guest to a destination: a `receive` of this package, or a QEMU with `-incoming`.
 *
 * If this fails, the guest runs on here: `guest.resume` has been called if it had been stopped, nothing of it is lost,
 * and it can be migrated again at once. One failure leaves a doubt that no protocol can remove: a destination that has
 * everything and falls silent before its last word is heard (`timeout` or `peer-closed`, with a hint to make sure that
 * the guest does not run there).
 *
 * @returns when the destination has everything and the guest must run only there.
 * @throws MultifdError the first thing that went wrong; `cancelled` if `signal` was aborted in time.
 */
export async function migrate(options: MigrateOptions): Promise<MigrateResult> {
  const checked = checkSource(options);
  const key = options.guest.ram.blocks[0] ?? options.guest.ram;
  if (migrating.has(key)) throw new MultifdError('usage', 'this guest is being migrated already');
  migrating.add(key);
  let io: MigrationIo | undefined;
  try {
    io = await prepareSocketIo(options.socketIo);
    return await new SourceMigration(options, checked, io).run();
  } finally {
    io?.interrupt.close();
    migrating.delete(key);
  }
}

/** One migration on its source, in the API thread: it owns the threads, the status and the guest's callbacks. */
class SourceMigration {
  readonly #options: MigrateOptions;
  readonly #checked: CheckedSource;
  readonly #suspects: Suspects;
  readonly #io: MigrationIo | undefined;
  readonly #status: StatusMachine;
  readonly #control = SourceControl.allocate();
  readonly #counters: Counters;
  readonly #dirty: readonly DirtyBitmap[];
  readonly #work: readonly DirtyBitmap[];
  readonly #meter: SourceMeter;
  readonly #keeper: GuestKeeper;
  readonly #threads: ThreadGroup<ToSourceThread, FromSourceThread>;
  readonly #outcome = Promise.withResolvers<void>();
  readonly #reported = Promise.withResolvers<Uint8Array | undefined>();
  readonly #channels: Thread<ToSourceThread>[] = [];
  /** For `multifd-compression=auto`. */
  readonly #chooser: MethodChooser | undefined;
  /** One for each accelerator that failed. */
  readonly #replaced: AcceleratorReplacement[] = [];
  #plans: CheckPlans | undefined;
  #migration: Thread<ToSourceThread> | undefined;
  #ready = 0;
  #connected = 0;
  #done = 0;
  #sentAll = false;
  #rounds = 0;

  constructor(options: MigrateOptions, checked: CheckedSource, io: MigrationIo | undefined) {
    const { ram } = options.guest;
    this.#options = options;
    this.#checked = checked;
    this.#suspects = {
      channel: 'channel',
      parameters: checked.parameters,
      accelerator: options.accelerator,
      methodModules: options.methodModules ?? [],
      method: () => this.#chooser?.decision?.name ?? checked.parameters.multifdCompression,
    };
    this.#io = io;
    this.#status = new StatusMachine((status) => emit(options.onEvent, { type: 'status', status }));
    this.#counters = Counters.allocate(checked.parameters.multifdChannels + 1);
    const pages = ram.blocks.map((block) => block.length / ram.pageSize);
    this.#dirty = pages.map((count, index) => {
      const given = ram.dirty?.[index];
      return given === undefined ? DirtyBitmap.allocate(count) : new DirtyBitmap(given, count);
    });
    const legacy = checked.parameters.zeroPageDetection === 'legacy';
    this.#work = legacy ? pages.map((count) => DirtyBitmap.allocate(count)) : this.#dirty;
    this.#meter = new SourceMeter(
      options.guest.ram,
      this.#counters,
      new Set([...this.#dirty, ...this.#work]),
    );
    if (checked.parameters.multifdCompression === AUTO) {
      this.#chooser = new MethodChooser({
        ram,
        modules: options.methodModules ?? [],
        settings: options.methodSettings ?? {},
        counters: this.#counters,
        control: this.#control,
        warn: (message) => this.#warn(message),
      });
    }
    this.#keeper = new GuestKeeper(options.guest, checked.live);
    this.#threads = new ThreadGroup((error, where) => {
      const died = this.#died(error, where);
      if (where === MIGRATION_THREAD) this.#decided(died);
      else this.#fail(died);
    }, io?.interrupt);
    this.#reported.promise.catch(() => {});
  }

  /** @throws MultifdError with who has the guest. */
  async run(): Promise<MigrateResult> {
    try {
      return await this.#run();
    } catch (cause) {
      throw withGuest(MultifdError.from(cause, 'internal', 'migration'), this.#control.guest, 'source');
    }
  }

  async #run(): Promise<MigrateResult> {
    const { signal } = this.#options;
    const onAbort = (): void => this.#cancel();
    const progress = setInterval(() => this.#tellProgress(), PROGRESS_INTERVAL);
    const watch = new HangWatch(this.#counters, this.#checked.parameters.stallTimeout, (row, coding) =>
      this.#fail(hangs(this.#suspects, row, coding)),
    );
    signal?.addEventListener('abort', onAbort);
    const late = setTimeout(() => this.#notReady(), this.#checked.parameters.setupTimeout);
    let report: Uint8Array | undefined;
    try {
      this.#status.to('setup');
      if (signal?.aborted) this.#cancel();
      else this.#start();
      await this.#outcome.promise;
      if (this.#options.requestReport === true) report = await this.#reported.promise;
    } finally {
      clearInterval(progress);
      clearTimeout(late);
      watch.close();
      signal?.removeEventListener('abort', onAbort);
      const waitsForReport = this.#options.requestReport === true && report === undefined;
      if (!this.#status.is('completed') || waitsForReport) this.#stopThreads();
      await Promise.all([this.#threads.join(), this.#chooser?.end()]);
      await this.#plans?.close();
      if (!this.#status.is('completed')) await this.#keeper.giveBack();
      if (this.#status.is('cancelling')) this.#status.to('cancelled');
    }
    const accelerator =
      this.#checked.parameters.zeroPageDetection === 'none'
        ? undefined
        : (this.#replaced.at(-1)?.by ?? this.#options.accelerator);
    const replaced = [...this.#replaced];
    const compression = this.#chooser?.decision;
    const statistics = this.#meter.read();
    return { status: 'completed', statistics, accelerator, replaced, compression, report };
  }

  /** For `multifd-compression=auto`: what there is to choose from, before anybody connects. */
  #openChooser(chooser: MethodChooser): void {
    chooser.open().then(
      () => this.#isReady(),
      (error: unknown) =>
        this.#fail(MultifdError.from(error, 'codec-unavailable', 'multifd-compression auto')),
    );
  }

  #warn(message: string): void {
    emit(this.#options.onEvent, { type: 'warning', message });
  }

  /** Opens what the threads share, and then the threads. */
  #start(): void {
    if (this.#chooser !== undefined) this.#openChooser(this.#chooser);
    const { accelerator, fallbacks = [] } = this.#options;
    const checks = this.#checked.parameters.zeroPageDetection !== 'none';
    const plans = checks && accelerator !== undefined ? CheckPlans.open(accelerator, fallbacks) : undefined;
    if (plans === undefined) {
      this.#spawn();
      return;
    }
    plans.then(
      (opened) => {
        // It may have taken its time: nobody waits for it any more if the migration is over.
        if (this.#status.isOver || this.#status.is('cancelling')) return opened.close();
        this.#plans = opened;
        this.#spawn();
        return undefined;
      },
      (error: unknown) =>
        this.#fail(MultifdError.from(error, 'accelerator', `accelerator ${accelerator?.name}`)),
    );
  }

  #spawn(): void {
    const { parameters, address, uuid, machineType, live } = this.#checked;
    const { guest } = this.#options;
    const detection = parameters.zeroPageDetection;
    const shared: Omit<SourceThreadData, 'check'> = {
      address,
      parameters,
      ram: { pageSize: guest.ram.pageSize, blocks: guest.ram.blocks },
      work: this.#work.map((bitmap) => bitmap.buffer),
      uuid,
      control: this.#control.buffer,
      counters: this.#counters.buffer,
      bandwidth: BandwidthLimit.allocate(parameters.maxBandwidth).buffer,
      socketIo: this.#io?.link,
      methodModules: this.#options.methodModules ?? [],
      methodSettings: this.#options.methodSettings ?? {},
    };
    const check = detection === 'legacy' ? this.#plans?.next() : undefined;
    this.#migration = this.#threads.spawn(
      'source-migration',
      MIGRATION_THREAD,
      {
        ...shared,
        check,
        machineType,
        live,
        dirty: this.#dirty.map((bitmap) => bitmap.buffer),
        requestReport: this.#options.requestReport === true,
      },
      (message) => this.#onMigrationMessage(message),
      transferOf(check),
    );
    for (let channel = 0; channel < parameters.multifdChannels; channel++) {
      const onMessage = (message: FromSourceThread): void => this.#onChannelMessage(message);
      const check = detection === 'multifd' ? this.#plans?.next() : undefined;
      const data = { ...shared, check, channel };
      this.#channels.push(
        this.#threads.spawn('source-channel', `channel ${channel}`, data, onMessage, transferOf(check)),
      );
    }
  }

  #onChannelMessage(message: FromSourceThread): void {
    const { multifdChannels } = this.#checked.parameters;
    if (message.type === 'ready') this.#isReady();
    else if (message.type === 'failed') this.#fail(MultifdError.fromReport(message.error));
    else if (message.type === 'replaced') this.#onReplaced(message.replacement);
    else if (message.type === 'method-refused') this.#chooser?.refused(message.reason);
    else if (message.type === 'connected' && ++this.#connected === multifdChannels) {
      this.#migration?.post({ type: 'channels-connected' });
    } else if (message.type === 'done') {
      this.#done++;
      this.#maybeComplete();
    }
  }

  #onMigrationMessage(message: FromSourceThread): void {
    switch (message.type) {
      case 'ready':
        this.#isReady();
        return;
      case 'connected':
        // Main comes first: a QEMU before 8.0 takes its first connection for main (wire reference 1).
        for (const channel of this.#channels) channel.post({ type: 'connect' });
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
        this.#onReplaced(message.replacement);
        return;
      case 'report':
        this.#reported.resolve(message.report);
        return;
      case 'failed':
        this.#decided(MultifdError.fromReport(message.error));
        return;
      case 'done':
      case 'stopped':
      case 'method-refused':
        return;
    }
  }

  #onReplaced(replacement: AcceleratorReplacement): void {
    if (this.#replaced.some(({ failed }) => failed === replacement.failed)) return;
    this.#replaced.push(replacement);
    emit(this.#options.onEvent, { type: 'accelerator-replaced', replacement });
  }

  #isReady(): void {
    this.#ready++;
    if (this.#missing === 0) this.#migration?.post({ type: 'connect' });
  }

  /** How much is still to be opened before anybody connects: threads, and what `auto` chooses from. */
  get #missing(): number {
    return this.#checked.parameters.multifdChannels + 1 + (this.#chooser === undefined ? 0 : 1) - this.#ready;
  }

  #notReady(): void {
    if (this.#missing <= 0) return;
    if (this.#chooser?.isOpen === false) {
      this.#fail(notLoaded(this.#suspects));
      return;
    }
    const threads = this.#checked.parameters.multifdChannels + 1;
    const setup = { threads, missing: this.#missing, started: this.#migration !== undefined };
    this.#fail(notReady(this.#suspects, setup, this.#counters));
  }

  async #stopGuest(): Promise<ToSourceThread> {
    this.#meter.guestStops();
    await this.#keeper.stop();
    this.#step('device');
    return { type: 'guest-stopped', ...(await this.#keeper.deviceState()) };
  }

  /** Lets the guest's owner do something that the migration thread waits for. */
  #answer(work: () => Promise<ToSourceThread>): void {
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
    if (!returnPath && this.#done < multifdChannels) return;
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
    if (this.#control.keep()) {
      this.#decided(error);
    } else if (!this.#checked.parameters.returnPath) {
      // That channel had sent everything: the hand-over has waited for it.
      this.#done++;
      this.#maybeComplete();
    }
  }

  /** The migration is off, unless the destination has said that it has the guest. */
  #decided(error: MultifdError): void {
    if (!this.#status.isOver && !this.#control.settle()) {
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

  #cancel(): void {
    if (this.#status.is('completed')) this.#reported.resolve(undefined);
    if (this.#status.isOver || this.#status.is('cancelling')) return;
    if (!this.#control.keep()) {
      this.#warn('too late to cancel: the destination has everything, and its word decides');
      return;
    }
    this.#status.to('cancelling');
    this.#stopThreads();
    this.#outcome.reject(new MultifdError('cancelled', 'the migration was cancelled'));
  }

  #stopThreads(): void {
    this.#control.abort();
    this.#threads.stop({ type: 'abort' });
  }

  #tellProgress(): void {
    if (!this.#status.is('active')) return;
    emit(this.#options.onEvent, { type: 'progress', statistics: this.#meter.read() });
  }

  /** A thread ended without saying why. */
  #died(error: MultifdError, where: string): MultifdError {
    const row = where === MIGRATION_THREAD ? 0 : Number(where.replace(/^channel /, '')) + 1;
    return died(this.#suspects, error, this.#counters.row(row).activity);
  }
}
