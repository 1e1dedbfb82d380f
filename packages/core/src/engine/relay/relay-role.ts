import type { MigrationIo } from '../../channel/socket-io.js';
import { type GuestPlace, MultifdError } from '../../errors.js';
import { CheckPlans, transferOf } from '../../zero/open-checker.js';
import type { AcceleratorReplacement } from '../../zero/page-checker.js';
import type { Address } from '../address.js';
import type { AcceleratorReference, IncomingBlock } from '../api.js';
import { BandwidthLimit } from '../bandwidth.js';
import { Counters } from '../counters.js';
import type { ReceivedState, ToIncomingThread } from '../destination/messages.js';
import type { DestinationRole } from '../destination/role.js';
import { HangWatch } from '../hang-watch.js';
import { type MachineCompat, machineCompat, parametersFor } from '../machine-compat.js';
import type { MigrationParameters } from '../parameters.js';
import { died, hangs, notReady, type Suspects } from '../source/blame.js';
import { SourceControl } from '../source/control.js';
import type { DestinationStatistics } from '../statistics.js';
import { type Thread, ThreadGroup } from '../thread-group.js';
import type { FromRelayChannel, RelayLink, ToRelayChannel } from './messages.js';
import type { RelayResult } from './relay.js';
import { Transit } from './transit.js';

/** Where a relay sends what it receives. */
export interface RelayDestination {
  readonly address: Address;
  readonly parameters: MigrationParameters;
  /** Those that were given. */
  readonly given: Partial<MigrationParameters>;
  readonly uuid: Uint8Array;
  readonly pageSize: number;
  readonly accelerator: AcceleratorReference | undefined;
  readonly fallbacks: readonly AcceleratorReference[];
  /** Called when the guest's machine type has decided what was not given. */
  readonly onCompat: (machineType: string, compat: MachineCompat) => void;
  /** Called once for each accelerator that failed and was replaced. */
  readonly onReplaced: (replacement: AcceleratorReplacement) => void;
  readonly methodModules: readonly string[];
  readonly methodSettings: Readonly<Record<string, number | string>>;
  readonly io: MigrationIo | undefined;
}

/** Sends the guest on: its pages pass through a fixed number of slots, to outgoing channels of this role's own. */
export class RelayRole implements DestinationRole<RelayResult> {
  readonly reports = true;
  readonly side = 'relay';
  readonly relay: RelayLink;
  readonly #destination: RelayDestination;
  readonly #transit: Transit;
  readonly #control = SourceControl.allocate();
  readonly #counters: Counters;
  readonly #channels: Thread<ToRelayChannel>[] = [];
  readonly #ready = Promise.withResolvers<void>();
  readonly #connected = Promise.withResolvers<void>();
  #threads: ThreadGroup<ToRelayChannel, FromRelayChannel> | undefined;
  readonly #replaced = new Set<string>();
  readonly #suspects: Suspects;
  #parameters: MigrationParameters;
  #plans: CheckPlans | undefined;
  #watch: HangWatch | undefined;
  #late: NodeJS.Timeout | undefined;
  #closed = false;
  #waitingFor = { ready: 0, connected: 0 };

  constructor(destination: RelayDestination) {
    const { parameters, pageSize } = destination;
    this.#destination = destination;
    this.#parameters = parameters;
    this.#transit = Transit.allocate(pageSize);
    this.#counters = Counters.allocate(parameters.multifdChannels + 1);
    this.#waitingFor = { ready: parameters.multifdChannels, connected: parameters.multifdChannels };
    this.relay = {
      address: destination.address,
      parameters,
      given: destination.given,
      uuid: destination.uuid,
      transit: this.#transit.descriptor,
      control: this.#control.buffer,
      counters: this.#counters.buffer,
      bandwidth: BandwidthLimit.allocate(parameters.maxBandwidth).buffer,
      socketIo: destination.io?.link,
      methodModules: destination.methodModules,
      methodSettings: destination.methodSettings,
    };
    this.#suspects = {
      channel: 'outgoing channel',
      parameters,
      accelerator: destination.accelerator,
      methodModules: destination.methodModules,
      method: () => parameters.multifdCompression,
    };
    // A relay that ends early leaves them open; nobody may die of that.
    this.#ready.promise.catch(() => {});
    this.#connected.promise.catch(() => {});
  }

  keep(): boolean {
    return this.#control.keep();
  }

  settle(): void {
    this.#control.settle();
  }

  get guest(): GuestPlace {
    return this.#control.guest;
  }

  open(onFailure: (error: MultifdError) => void): void {
    const fail = (error: MultifdError): void => {
      this.#ready.reject(error);
      this.#connected.reject(error);
      onFailure(error);
    };
    this.#threads = new ThreadGroup(
      (error, where) => fail(this.#died(error, where)),
      this.#destination.io?.interrupt,
    );
    const { accelerator, fallbacks, parameters } = this.#destination;
    this.#late = setTimeout(() => this.#notReady(fail), parameters.setupTimeout);
    this.#watch = new HangWatch(this.#counters, parameters.stallTimeout, (row, coding) =>
      fail(hangs(this.#suspects, row, coding)),
    );
    if (accelerator === undefined || parameters.zeroPageDetection === 'none') {
      this.#spawn(this.#threads, fail);
      return;
    }
    const threads = this.#threads;
    CheckPlans.open(accelerator, fallbacks).then(
      (plans) => {
        if (this.#closed) return plans.close();
        this.#plans = plans;
        this.#spawn(threads, fail);
        return undefined;
      },
      (error: unknown) => fail(MultifdError.from(error, 'accelerator', `accelerator ${accelerator.name}`)),
    );
  }

  #spawn(threads: ThreadGroup<ToRelayChannel, FromRelayChannel>, fail: (error: MultifdError) => void): void {
    for (let channel = 0; channel < this.#destination.parameters.multifdChannels; channel++) {
      const onMessage = (message: FromRelayChannel): void => {
        if (message.type === 'failed') fail(MultifdError.fromReport(message.error));
        else if (message.type === 'replaced') this.#onReplaced(message.replacement);
        else if (message.type === 'ready' && --this.#waitingFor.ready === 0) this.#ready.resolve();
        else if (message.type === 'connected' && --this.#waitingFor.connected === 0)
          this.#connected.resolve();
      };
      const check = this.#plans?.next();
      const data = { link: this.relay, check, channel };
      this.#channels.push(
        threads.spawn('relay-channel', `outgoing channel ${channel}`, data, onMessage, transferOf(check)),
      );
    }
  }

  #notReady(fail: (error: MultifdError) => void): void {
    const { multifdChannels: threads } = this.#destination.parameters;
    const setup = { threads, missing: this.#waitingFor.ready, started: this.#channels.length > 0 };
    if (setup.missing > 0) fail(notReady(this.#suspects, setup, this.#counters));
  }

  /** A thread ended without saying why. */
  #died(error: MultifdError, where: string): MultifdError {
    const row = Number(where.replace(/^outgoing channel /, '')) + 1;
    return died(this.#suspects, error, this.#counters.row(row).activity);
  }

  #onReplaced(replacement: AcceleratorReplacement): void {
    if (this.#replaced.has(replacement.failed)) return;
    this.#replaced.add(replacement.failed);
    this.#destination.onReplaced(replacement);
  }

  /** Main is connected to the destination by now: the channels follow. */
  async place(blocks: readonly IncomingBlock[], machineType: string): Promise<ToIncomingThread> {
    this.#parameters = parametersFor(machineType, this.#destination.given);
    this.#tellCompat(machineType);
    await this.#ready.promise;
    const { zeroPageDetection } = this.#parameters;
    for (const channel of this.#channels) channel.post({ type: 'connect', blocks, zeroPageDetection });
    await this.#connected.promise;
    return { type: 'transit', blocks };
  }

  #tellCompat(machineType: string): void {
    const { given, onCompat } = this.#destination;
    const compat = machineCompat(machineType);
    const isGiven = given.zeroPageDetection !== undefined && given.multifdFlushAfterEachSection !== undefined;
    if (compat !== undefined && !isGiven) onCompat(machineType, compat);
  }

  result(machineType: string, _received: ReceivedState, incoming: DestinationStatistics): RelayResult {
    const rows = Array.from({ length: this.#counters.rows }, (_, index) => this.#counters.row(index));
    return {
      status: 'completed',
      machineType,
      incoming,
      outgoing: {
        transferred: rows.reduce((sum, row) => sum + row.bytes, 0),
        normal: rows.reduce((sum, row) => sum + row.normal, 0),
        zeroPages: rows.reduce((sum, row) => sum + row.zero, 0),
        pageSize: this.#destination.pageSize,
        zeroPageDetection: this.#parameters.zeroPageDetection,
        multifdFlushAfterEachSection: this.#parameters.multifdFlushAfterEachSection,
        channelBytes: rows.slice(1).map((row) => row.bytes),
      },
    };
  }

  async commit(): Promise<void> {}

  /** Main's thread passes the destination's own report on. */
  async report(): Promise<undefined> {}

  async close(completed: boolean): Promise<void> {
    this.#watch?.close();
    clearTimeout(this.#late);
    if (!completed) {
      this.#control.abort();
      this.#transit.abort();
      this.#threads?.stop({ type: 'abort' });
    }
    this.#closed = true;
    await this.#threads?.join();
    await this.#plans?.close();
  }
}
