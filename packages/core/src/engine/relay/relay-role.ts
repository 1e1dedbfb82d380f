import type { GuestPlace, MultifdError } from '../../errors.js';
import type { MigrationParameters } from '../../parameters.js';
import type { ReceivedState } from '../../recv/main-host.js';
import { withEarlyHint } from '../../send/diagnosis.js';
import { SendSide, type SendSideOptions } from '../../send/side.js';
import type { FirstFailure } from '../../thread/first-failure.js';
import { type GuestWord, saidByRelay } from '../../thread/guest-place.js';
import type { TlsPeer } from '../../transport/tls/credentials.js';
import type { AcceleratorReplacement } from '../../zero/page-checker.js';
import type { FoundBlocks, IncomingThreadData, ToIncomingThread } from '../destination/messages.js';
import type { DestinationRole } from '../destination/role.js';
import { type MachineCompat, machineCompat, parametersFor } from '../machine-compat.js';
import { AwaitedReason } from '../source/heard-reason.js';
import type { DestinationStatistics } from '../statistics.js';
import type { RelayLink, RelayThreadData } from './messages.js';
import type { RelayResult } from './relay.js';
import { Transit } from './transit.js';
import type { TransitPagesData } from './transit-pages.js';

/** Options of a relay's outgoing side. */
export interface RelayDestination extends Omit<SendSideOptions, 'entry' | 'channelName' | 'threads'> {
  /** Parameters that were given. */
  readonly given: Partial<MigrationParameters>;
  /** Called when the guest's machine type is known and tells what its QEMU wants; what was given wins. */
  readonly onCompat: (machineType: string, compat: MachineCompat) => void;
  /** Called once for each accelerator that failed and was replaced. */
  readonly onReplaced: (replacement: AcceleratorReplacement) => void;
}

/** Sends the guest on: its pages pass through a fixed number of slots to this role's outgoing channels. */
export class RelayRole implements DestinationRole<RelayResult> {
  readonly reports = true;
  readonly entry = 'relay-incoming';
  /** A thread waits for those of the other side, and should see at once what they have taken. */
  readonly sharesThreads = false;
  readonly #link: RelayLink;
  readonly #destination: RelayDestination;
  readonly #transit: Transit;
  readonly #side: SendSide;
  #parameters: MigrationParameters;
  /** As the source has announced it. */
  #machineType = '';
  /** Who the destination is. */
  #tls: TlsPeer | undefined;
  /** The destination's channels are connected: pages come, and the guest may stop at any time. */
  #isPlaced = false;
  #onFailure: (error: MultifdError) => void = () => {};
  readonly #reason = new AwaitedReason((error) =>
    this.#onFailure(
      withEarlyHint(error, this.#side.control, {
        machineType: this.#machineType,
        wire: this.#parameters.wire,
        tls: this.#destination.tls,
      }),
    ),
  );

  constructor(destination: RelayDestination) {
    this.#destination = destination;
    this.#parameters = destination.parameters;
    this.#transit = Transit.allocate(destination.pageSize);
    this.#side = new SendSide(
      {
        ...destination,
        entry: 'relay-channel',
        channelName: 'outgoing channel',
        threads: destination.parameters.multifdChannels,
      },
      { failed: (error) => this.#failed(error), replaced: destination.onReplaced },
    );
    this.#link = { ...this.#side.link, given: destination.given, transit: this.#transit.descriptor };
  }

  get failures(): FirstFailure {
    return this.#side.failures;
  }

  /** The outgoing side has failed, whether or not the destination gives a reason. */
  #failed(error: MultifdError): void {
    const { returnPath } = this.#destination.parameters;
    // Only its source knows when the guest is stopped.
    const guest = this.#isPlaced ? 'stopped' : 'running';
    if (this.tryAbort() || !returnPath) this.#reason.failed(error, { returnPath, guest });
  }

  /** It may be about a connection to the destination. */
  isNews(): boolean {
    return true;
  }

  heard(reason: MultifdError): void {
    this.#reason.hear(reason);
  }

  secured(peer: TlsPeer): void {
    this.#tls = peer;
  }

  returnPathEnded(): void {
    this.#reason.mainEnded();
  }

  tryAbort(): boolean {
    return this.#side.control.tryAbort();
  }

  settle(): void {
    this.#side.control.settle();
  }

  word(incoming: GuestPlace): GuestWord {
    return saidByRelay(incoming, this.#side.control.guest);
  }

  threadData(data: IncomingThreadData): RelayThreadData {
    return { ...data, relay: this.#link };
  }

  open(onFailure: (error: MultifdError) => void): void {
    this.#onFailure = onFailure;
    this.#side.open((plan) => {
      this.#side.spawnChannels(
        (channel): TransitPagesData => ({
          link: this.#side.link,
          check: plan(),
          channel,
          transit: this.#transit.descriptor,
        }),
      );
    });
  }

  /** Main is connected to the destination: the channels follow. */
  async place({ blocks, to }: FoundBlocks, machineType: string): Promise<ToIncomingThread> {
    this.#machineType = machineType;
    this.#parameters = parametersFor(machineType, this.#destination.given);
    this.#tellCompat(machineType);
    await this.#unlessFailed(this.#side.ready);
    const { zeroPageDetection } = this.#parameters;
    this.#side.connect({ blocks, zeroPageDetection, addresses: to });
    await this.#unlessFailed(this.#side.connected);
    this.#isPlaced = true;
    return { type: 'transit', blocks };
  }

  /**
   * Waits for the outgoing side. If that fails, `#failed` has heard of it, waits for the destination's reason and then says
   * what may be wrong there: the bare error must not come first, so this never returns.
   */
  #unlessFailed(step: Promise<void>): Promise<void> {
    return step.catch(() => new Promise<never>(() => {}));
  }

  #tellCompat(machineType: string): void {
    const compat = machineCompat(machineType);
    if (compat !== undefined) this.#destination.onCompat(machineType, compat);
  }

  result(
    machineType: string,
    _received: ReceivedState,
    incoming: DestinationStatistics,
    guest: GuestPlace,
    tls: TlsPeer | undefined,
  ): RelayResult {
    const { counters } = this.#side;
    const rows = Array.from({ length: counters.rows }, (_, index) => counters.row(index));
    return {
      status: 'completed',
      guest,
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
        offload: counters.offload,
      },
      incomingTls: tls,
      outgoingTls: this.#side.withChannels(this.#tls),
    };
  }

  async commit(): Promise<void> {}

  /** Main's thread passes the destination's own report on. */
  async report(): Promise<undefined> {}

  async close(completed: boolean): Promise<void> {
    this.#reason.close();
    this.#side.unwatch();
    if (!completed) {
      this.#transit.abort();
      this.#side.stop();
    }
    await this.#side.join();
    await this.#side.close();
  }
}
