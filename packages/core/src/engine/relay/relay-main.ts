import { MultifdError } from '../../errors.js';
import type { MigrationParameters } from '../../parameters.js';
import type { IncomingBlock } from '../../ram/incoming-ram.js';
import type { DestinationControl, Waiting } from '../../recv/control.js';
import type { MainHost, ReceivedState } from '../../recv/main-host.js';
import type { PageSink } from '../../recv/page-sink.js';
import { SourceControl } from '../../send/control.js';
import { withEarlyHint } from '../../send/diagnosis.js';
import { MainStream } from '../../send/main-stream.js';
import { returnPathRequest } from '../../send/return-path-request.js';
import { type CounterRow, Counters } from '../../thread/counters.js';
import { inTime } from '../../time-limit.js';
import { BandwidthLimit } from '../../transport/bandwidth.js';
import { openConnection } from '../../transport/connect.js';
import { type HostAddresses, lookUp } from '../../transport/look-up.js';
import { Outgoing } from '../../transport/outgoing.js';
import type { StreamConfiguration } from '../../wire/main/configuration.js';
import { withSomeDescription } from '../../wire/main/end-of-sections.js';
import { withReportRequest } from '../../wire/report-request.js';
import { parametersFor } from '../machine-compat.js';
import { awaitBegun, awaitShut, listenToReturnPath, type ReturnPathAnswers } from '../source/return-path.js';
import type { RelayLink } from './messages.js';
import type { RelayMainHost } from './relay-main-host.js';
import { type Slot, Transit } from './transit.js';
import { TransitSink } from './transit-sink.js';

/** Name of the main stream to the destination in messages. */
const OUTGOING_MAIN = 'outgoing main stream';

/**
 * Main of a relay: repeats the incoming main stream on the outgoing one. A sync of the incoming side is passed only when
 * the outgoing side has synced too, so that the destination sees the source's order of epochs. The sections are our
 * own: one PART for each sync, whatever the source's sync mode was.
 */
export class RelayMain implements MainHost {
  readonly machineType: string | undefined;
  readonly uuid: Uint8Array;
  readonly stallTimeout: number;
  readonly #host: RelayMainHost;
  readonly #link: RelayLink;
  readonly #incoming: DestinationControl;
  readonly #incomingCounters: CounterRow;
  readonly #control: SourceControl;
  readonly #transit: Transit;
  #machineType = 'none';
  #parameters: MigrationParameters;
  #configuration: StreamConfiguration = {};
  #outgoing: Outgoing | undefined;
  #stream: MainStream | undefined;
  #answers: ReturnPathAnswers | undefined;
  #waiting: Waiting = 'source';
  #blocks: readonly IncomingBlock[] = [];
  /** Sends zero pages over main during an epoch (`legacy`). */
  #pump: Promise<void> = Promise.resolve();
  #epochOver = false;
  /** The first PART has begun: before it, main has no place for zero pages. */
  #inRounds = false;

  constructor(
    host: RelayMainHost,
    link: RelayLink,
    incoming: DestinationControl,
    incomingCounters: CounterRow,
  ) {
    this.machineType = host.machineType;
    this.uuid = host.uuid;
    this.stallTimeout = host.stallTimeout;
    this.#host = host;
    this.#link = link;
    this.#parameters = link.parameters;
    this.#incoming = incoming;
    this.#incomingCounters = incomingCounters;
    this.#control = new SourceControl(link.control);
    this.#transit = new Transit(link.transit);
  }

  configured(machineType: string, configuration: StreamConfiguration): void {
    this.#machineType = machineType;
    this.#parameters = parametersFor(machineType, this.#link.given);
    this.#configuration = configuration;
    this.#host.configured(machineType);
  }

  async openRam(blocks: readonly IncomingBlock[], beforeRam: Uint8Array): Promise<PageSink> {
    this.#blocks = blocks;
    const { address, parameters } = this.#link;
    const request = returnPathRequest(parameters, 'relay');
    const addresses = await lookUp(address, OUTGOING_MAIN, parameters.setupTimeout);
    const stream = await this.#connect(request.lastPing, addresses);
    this.#stream = stream;
    // A destination looks at the first bytes of each connection, and may wait for them (docs/wire.md, 1).
    await stream.begin({ machineType: this.#machineType, ...this.#configuration }, request.commands);
    // We wait for the destination's answer, but a refusal does not return the guest to a source that does not wait.
    if (parameters.returnPath && this.#waiting !== 'source') await stream.sourceDoesNotWait();
    await this.#host.connectChannels(blocks, addresses);
    await stream.rawEarly(beforeRam);
    await stream.ramStart(blocks);
    return new TransitSink(this.#transit, blocks, this.#incomingCounters);
  }

  async early(section: Uint8Array): Promise<void> {
    await this.#open().rawEarly(section);
  }

  async roundsBegin(): Promise<void> {
    if (this.#inRounds) return;
    await this.#open().ramPart('part');
    this.#inRounds = true;
  }

  async passSync(sync: number): Promise<void> {
    await this.#incoming.syncReached(sync);
    if (sync > 1) await this.roundsBegin();
    await this.#sync();
    if (sync === 1) await this.#begun();
    // The first PART waits for early state, which comes behind the START section that this sync belongs to.
    if (this.#inRounds) await this.#open().ramPart('part');
    this.#startPump();
    this.#incoming.release(sync);
  }

  /** Setup is over. The source's pages are not let in before the destination takes RAM. */
  async #begun(): Promise<void> {
    const { parameters } = this.#link;
    if (!parameters.returnPath || this.#answers === undefined) return;
    await awaitBegun(this.#answers, parameters, OUTGOING_MAIN, this.#host.signal);
  }

  waitsForUs(who: Waiting): void {
    this.#waiting = who;
    this.#incoming.waitsForUs(who);
  }

  warn(message: string): void {
    this.#host.warn(message);
  }

  gone(): void {
    this.#incoming.gone(undefined);
  }

  async finish(received: ReceivedState, stillThere: () => void, takenBack: Promise<never>): Promise<void> {
    const stream = this.#open();
    const { returnPath, stallTimeout, completionTimeout } = this.#link.parameters;
    // The PART that the last sync has opened is empty; RAM ends with an END section, which has a sync of its own.
    await this.#sync();
    await stream.ramPart('end');
    await this.#sync(true);
    await this.#host.settled();
    const { bytes, reportRequested } = received;
    const end = reportRequested ? withReportRequest(bytes) : withSomeDescription(bytes);
    stillThere();
    this.#control.handOver();
    await stream.endWith(end);
    if (!returnPath) this.#outgoing?.expectUnanswered();
    if (returnPath && this.#answers !== undefined) {
      // A source that cancels meanwhile runs its guest. Closing our side makes the destination abort too, unless it has
      // just confirmed.
      await Promise.race([awaitShut(this.#answers, stallTimeout, completionTimeout), takenBack]);
    }
    this.#control.finish();
    this.#transit.wakeChannels();
    this.#incoming.end();
    if (!returnPath) await this.#outgoing?.closeUnanswered(stallTimeout);
  }

  /** The destination's report, to be passed on to a source that has asked for one. */
  async report(timeout: number): Promise<Uint8Array> {
    if (this.#answers === undefined) throw new MultifdError('internal', 'the relay is not connected');
    return inTime(this.#answers.report, { timeout, what: 'main stream: no report from the destination' });
  }

  /** Outgoing main stays open until now: a source closes its own once it has let go of the guest. Never throws. */
  async sourceHasEnded(letGo: boolean): Promise<void> {
    // A destination that is no multifd was not told that this is a relay, and reads no further.
    if (this.#parameters.wire === 'qemu') return;
    try {
      await this.#stream?.lastWord(letGo);
      await this.#outgoing?.drained();
    } catch {
      // The destination has the guest and has closed: it needs no more.
    }
  }

  close(): void {
    this.#outgoing?.destroy();
  }

  async #connect(ping: number | undefined, addresses: HostAddresses | undefined): Promise<MainStream> {
    const { counters, bandwidth, lineTimeout } = this.#link;
    const { setupTimeout } = this.#link.parameters;
    const { signal } = this.#host;
    const route = { ...this.#link, addresses };
    const { socket, tls } = await openConnection(route, OUTGOING_MAIN, setupTimeout, signal);
    if (tls !== undefined) this.#host.secured(tls);
    const outgoing = new Outgoing(socket, {
      where: OUTGOING_MAIN,
      stallTimeout: lineTimeout,
      counters: new Counters(counters).row(0),
      limit: new BandwidthLimit(bandwidth),
      signal,
    });
    const failed = (error: MultifdError): void => {
      // Once the destination has the guest, only the source must still be told.
      const announced = { wire: this.#parameters.wire, machineType: this.#machineType, tls: this.#link.tls };
      if (!this.#control.isConfirmed) this.#host.failed(withEarlyHint(error, this.#control, announced));
    };
    this.#outgoing = outgoing;
    const accepted = (): boolean => {
      const isDue = this.#control.confirm();
      if (isDue) outgoing.expectEnd();
      // To the destination, our closing main means that the source has let go of its guest: only our source decides that.
      socket.allowHalfOpen = isDue;
      return isDue;
    };
    const answers = listenToReturnPath(socket, ping, {
      // A destination that was not asked has nothing to say about it.
      answered: (isMultifd) => this.#control.answered(isMultifd && this.#parameters.wire !== 'qemu'),
      accepted,
      refused: () => this.#control.takeBack(),
      reason: (reason) => this.#host.heard({ type: 'reason', reason: reason.toReport() }),
      failed,
      ended: () => this.#host.heard({ type: 'return-path-ended' }),
    });
    outgoing.onFailure = (error) => failed(answers.explain(error));
    this.#answers = answers;
    return new MainStream(outgoing);
  }

  /** Syncs the outgoing side: sends everything in transit, then each channel its SYNC, then main its record. */
  async #sync(last = false): Promise<void> {
    const { multifdChannels, multifdFlushAfterEachSection } = this.#parameters;
    const epoch = this.#control.openEpoch(0, 0, last);
    this.#transit.wakeChannels();
    await this.#control.allArrived(epoch, multifdChannels);
    this.#epochOver = true;
    this.#transit.wakeMain();
    await this.#pump;
    await this.#open().ramSync(!multifdFlushAfterEachSection);
  }

  #startPump(): void {
    if (this.#parameters.zeroPageDetection !== 'legacy') return;
    this.#epochOver = false;
    this.#pump = this.#pumpZeros();
    // Mark the rejection handled: a failure is met when the pump is awaited.
    this.#pump.catch(() => {});
  }

  async #pumpZeros(): Promise<void> {
    const stream = this.#open();
    const counters = new Counters(this.#link.counters).row(0);
    const isOver = (): boolean => this.#epochOver;
    const send = async ({
      block,
      offsets,
      zero,
    }: Pick<Slot, 'block' | 'offsets' | 'zero'>): Promise<void> => {
      await stream.zeroPages(this.#blocks[block]?.name ?? '', offsets, zero);
      counters.addPages(0, zero);
    };
    // Pages of the first round that are ahead of main, which a source may hold back until that round is over. Their
    // slots must not wait for it: the source's channels wait for slots. 8 bytes a page.
    const ahead: Pick<Slot, 'block' | 'offsets' | 'zero'>[] = [];
    const catchUp = async (): Promise<void> => {
      for (let next = ahead.shift(); next !== undefined; next = ahead.shift()) await send(next);
    };
    for (let slot = await this.#transit.zeros(isOver); slot !== undefined; ) {
      const { block, offsets, zero } = slot;
      if (this.#inRounds) {
        await catchUp();
        await send(slot);
      } else {
        ahead.push({ block, zero, offsets: offsets.slice(0, zero) });
      }
      this.#transit.release(slot);
      slot = await this.#transit.zeros(isOver);
    }
    await catchUp();
  }

  #open(): MainStream {
    if (this.#stream === undefined) throw new MultifdError('internal', 'the relay is not connected');
    return this.#stream;
  }
}
