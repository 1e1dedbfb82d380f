import { MultifdError } from '../errors.js';
import { channelsOfThreads, rowsTogether } from '../limits/channel-threads.js';
import type { MigrationParameters } from '../parameters.js';
import { Counters } from '../thread/counters.js';
import { API_THREAD, FirstFailure } from '../thread/first-failure.js';
import { type Thread, ThreadGroup } from '../thread/group.js';
import { HangWatch } from '../thread/hang-watch.js';
import type { Address } from '../transport/address.js';
import { BandwidthLimit } from '../transport/bandwidth.js';
import type { MigrationIo } from '../transport/socket-io.js';
import { withChannels } from '../transport/tls/by-whom.js';
import type { ClientTls, TlsPeer } from '../transport/tls/credentials.js';
import type { AcceleratorReference } from '../zero/accelerator.js';
import { type CheckPlan, CheckPlans, transferOf } from '../zero/open-checker.js';
import type { AcceleratorReplacement } from '../zero/page-checker.js';
import { SourceControl } from './control.js';
import { died, hangs, notReady, type PluginCode } from './diagnosis.js';
import type { ConnectOrder, FromSendChannel, SendChannelData, SendLink, ToSendChannel } from './messages.js';

export interface SendSideOptions {
  readonly address: Address;
  readonly tls: ClientTls | undefined;
  readonly parameters: MigrationParameters;
  /** As `SendLink.lineTimeout`. Default: `stallTimeout`. */
  readonly lineTimeout?: number;
  readonly uuid: Uint8Array;
  /** Target page size in bytes. */
  readonly pageSize: number;
  readonly accelerator: AcceleratorReference | undefined;
  readonly fallbacks: readonly AcceleratorReference[];
  readonly isProbed: boolean;
  readonly methodModules: readonly string[];
  readonly methodSettings: Readonly<Record<string, number | string>>;
  readonly io: MigrationIo | undefined;
  /** A channel's name in messages. */
  readonly channelName: PluginCode['channel'];
  /** Entry of a channel's thread, which chooses its page source. */
  readonly entry: 'source-channel' | 'relay-channel';
  /** Number of threads that serve the channels, from `channelThreads`. */
  readonly threads: number;
}

/** Owner of a sending side. All callbacks run in the API thread. */
export interface SendSideHost {
  /** A failure that ends the migration; may be called more than once. */
  failed(error: MultifdError): void;
  /** Called once for each accelerator that failed and was replaced, however many threads used it. */
  replaced(replacement: AcceleratorReplacement): void;
  /** A channel has sent everything and closed. */
  channelDone?(): void;
  /** A channel falls back to the method `none`. `reason`: one line; may be called for every channel. */
  methodRefused?(reason: string): void;
  /** Name of the method in use now. Default: the parameter. */
  method?(): string;
  /** What else must be ready before the channels connect. */
  readonly beside?: {
    /** Number of threads in it. */
    readonly threads: number;
    /** Number of its parts that are not ready. */
    missing(): number;
    /** A better reason than the channels can give, asked once `setupTimeout` is over. */
    late?(): MultifdError | undefined;
  };
}

/**
 * The API thread's part of a sending side: its channel threads, what they share, and the watch for plug-ins that hang
 * in them. A source has one, and so has a relay.
 */
export class SendSide {
  readonly control = SourceControl.allocate();
  /** First failure of all threads of the migration, not only of the channels. */
  readonly failures = new FirstFailure();
  readonly counters: Counters;
  /** Limit for all connections together; may change while they send. */
  readonly bandwidth: BandwidthLimit;
  readonly link: SendLink;
  /** Resolves when all channel threads are ready to connect; rejects with the first failure. */
  readonly ready: Promise<void>;
  /** Resolves when all channels are connected; rejects with the first failure. */
  readonly connected: Promise<void>;
  readonly #options: SendSideOptions;
  readonly #host: SendSideHost;
  readonly #plugins: PluginCode;
  readonly #threads: ThreadGroup<ToSendChannel, FromSendChannel>;
  readonly #channels: Thread<ToSendChannel>[] = [];
  readonly #ready = Promise.withResolvers<void>();
  readonly #connected = Promise.withResolvers<void>();
  readonly #replaced: AcceleratorReplacement[] = [];
  #notReady: number;
  #notConnected: number;
  #plans: CheckPlans | undefined;
  #watch: HangWatch | undefined;
  #late: NodeJS.Timeout | undefined;
  #over = false;

  constructor(options: SendSideOptions, host: SendSideHost) {
    const { parameters } = options;
    this.#options = options;
    this.#host = host;
    this.counters = Counters.allocate(parameters.multifdChannels + 1);
    this.bandwidth = BandwidthLimit.allocate(parameters.maxBandwidth);
    this.link = {
      address: options.address,
      tls: options.tls,
      parameters,
      lineTimeout: options.lineTimeout ?? parameters.stallTimeout,
      uuid: options.uuid,
      pageSize: options.pageSize,
      control: this.control.buffer,
      counters: this.counters.buffer,
      bandwidth: this.bandwidth.buffer,
      socketIo: options.io?.link,
      methodModules: options.methodModules,
      methodSettings: options.methodSettings,
    };
    this.#plugins = {
      channel: options.channelName,
      parameters,
      accelerator: options.accelerator,
      methodModules: options.methodModules,
      method: () => host.method?.() ?? parameters.multifdCompression,
    };
    this.#notReady = parameters.multifdChannels;
    this.#notConnected = parameters.multifdChannels;
    this.ready = this.#ready.promise;
    this.connected = this.#connected.promise;
    this.#threads = new ThreadGroup(
      (error, jobs) => this.#failed(this.#channelsDied(error, jobs)),
      this.failures,
      options.io?.interrupt,
    );
    // Mark the rejections handled: they are never awaited if the side fails early.
    this.ready.catch(() => {});
    this.connected.catch(() => {});
  }

  /** The accelerator that checks now; undefined if none was given. */
  get accelerator(): AcceleratorReference | undefined {
    return this.#replaced.at(-1)?.by ?? this.#options.accelerator;
  }

  /** Accelerators that failed, each with its successor, in the order of their reports. */
  get replaced(): readonly AcceleratorReplacement[] {
    return this.#replaced;
  }

  /**
   * Opens the device that the threads share, if the accelerator shares one, then calls `spawn`. From now on a plug-in
   * that hangs, or is not ready within `setupTimeout`, is a failure.
   * @param spawn starts the threads; called once, unless the side fails or closes before. `plan` returns one thread's
   *   part in the check.
   */
  open(spawn: (plan: () => CheckPlan | undefined) => void): void {
    const { accelerator, fallbacks, isProbed, parameters } = this.#options;
    this.#late = setTimeout(() => this.#isLate(), parameters.setupTimeout);
    const together = rowsTogether(parameters.multifdChannels, this.#options.threads);
    this.#watch = new HangWatch(this.counters, parameters.stallTimeout, together, (row, coding) =>
      this.#fail(hangs(this.#plugins, row, coding)),
    );
    if (accelerator === undefined || parameters.zeroPageDetection === 'none') {
      spawn(() => undefined);
      return;
    }
    CheckPlans.open({ accelerator, fallbacks, isProbed }).then(
      (plans) => {
        // Opening may take long: the migration may be over by now.
        if (this.#over) return plans.close();
        this.#plans = plans;
        spawn(() => plans.next());
        return undefined;
      },
      (error: unknown) =>
        this.#fail(MultifdError.from(error, 'accelerator', `accelerator ${accelerator.name}`)),
    );
  }

  /** Adds who does the channels' TLS. */
  withChannels(tls: TlsPeer | undefined): TlsPeer | undefined {
    return withChannels(tls, this.counters, this.#options.io?.name);
  }

  /** Starts the channels, each thread with those that share it. @param dataOf returns a channel's start data. */
  spawnChannels(dataOf: (channel: number) => SendChannelData): void {
    const { entry, parameters, threads } = this.#options;
    for (const channels of channelsOfThreads(parameters.multifdChannels, threads)) {
      const jobs = channels.map((channel) => {
        const data = dataOf(channel);
        const onMessage = (message: FromSendChannel): void => this.#onMessage(message);
        return { where: this.#nameOf(channel), data, onMessage, transfer: transferOf(data.check) };
      });
      this.#channels.push(...this.#threads.spawnShared(entry, jobs));
    }
  }

  /** Connects the channels, once main is connected to the destination. */
  connect(order: ConnectOrder): void {
    for (const channel of this.#channels) channel.post({ type: 'connect', ...order });
  }

  /** Records that a thread's accelerator failed and another one took over. */
  noteReplaced(replacement: AcceleratorReplacement): void {
    if (this.#replaced.some(({ failed }) => failed === replacement.failed)) return;
    this.#replaced.push(replacement);
    this.#host.replaced(replacement);
  }

  /** Fails the side with an error of this thread. */
  #fail(error: MultifdError): void {
    this.failures.hear(API_THREAD, () => this.#failed(error));
  }

  #failed(error: MultifdError): void {
    this.#ready.reject(error);
    this.#connected.reject(error);
    this.#host.failed(error);
  }

  /** Attributes the death of a thread that reported no reason. @param row the thread's row in the counters. */
  died(error: MultifdError, row: number): MultifdError {
    return died(this.#plugins, error, this.counters.row(row).activity);
  }

  /** A thread of channels died: of those that share it, the one that ran last did it. */
  #channelsDied(error: MultifdError, jobs: readonly string[]): MultifdError {
    const rows = jobs.map((where) => Number(where.slice(this.#options.channelName.length)) + 1);
    return this.died(error, this.counters.ranLast(rows) ?? 0);
  }

  #nameOf(channel: number): string {
    return `${this.#options.channelName} ${channel}`;
  }

  /** Stops watching plug-ins, and opens none any more. */
  unwatch(): void {
    this.#over = true;
    this.#watch?.close();
    clearTimeout(this.#late);
  }

  /** Tells every channel thread to stop, also one in a blocking call. */
  stop(): void {
    this.control.abort();
    this.#threads.stop({ type: 'abort' });
  }

  /** Waits until every channel thread has ended. Does not throw. */
  async join(): Promise<void> {
    await this.#threads.join();
  }

  /** Closes the shared device, after every checking thread has ended. Does not throw. */
  async close(): Promise<void> {
    await this.#plans?.close();
  }

  #onMessage(message: FromSendChannel): void {
    switch (message.type) {
      case 'ready':
        if (--this.#notReady === 0) this.#ready.resolve();
        return;
      case 'connected':
        if (--this.#notConnected === 0) this.#connected.resolve();
        return;
      case 'replaced':
        this.noteReplaced(message.replacement);
        return;
      case 'method-refused':
        this.#host.methodRefused?.(message.reason);
        return;
      case 'failed':
        this.#failed(MultifdError.fromReport(message.error));
        return;
      case 'done':
        this.#host.channelDone?.();
        return;
      case 'stopped':
        return;
    }
  }

  #isLate(): void {
    const { beside } = this.#host;
    const missing = this.#notReady + (beside?.missing() ?? 0);
    if (missing <= 0) return;
    const setup = {
      threads: this.#options.parameters.multifdChannels + (beside?.threads ?? 0),
      missing,
      started: this.#channels.length > 0,
    };
    this.#fail(beside?.late?.() ?? notReady(this.#plugins, setup, this.counters));
  }
}
