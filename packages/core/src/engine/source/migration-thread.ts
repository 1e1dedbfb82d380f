import { MultifdError } from '../../errors.js';
import { DirtyBitmap } from '../../ram/dirty-bitmap.js';
import { RangeTable } from '../../ram/ranges.js';
import { SourceControl } from '../../send/control.js';
import { LegacyZeroCheck } from '../../send/legacy-zero-check.js';
import { MainStream } from '../../send/main-stream.js';
import { returnPathRequest } from '../../send/return-path-request.js';
import { Counters } from '../../thread/counters.js';
import type { ThreadPort } from '../../thread/port.js';
import { inTime } from '../../time-limit.js';
import { BandwidthLimit } from '../../transport/bandwidth.js';
import { openConnection } from '../../transport/connect.js';
import type { HostAddresses } from '../../transport/look-up.js';
import { Outgoing } from '../../transport/outgoing.js';
import type { TlsPeer } from '../../transport/tls/credentials.js';
import { withSomeDescription } from '../../wire/main/end-of-sections.js';
import { withReportRequest } from '../../wire/report-request.js';
import { AutoConverge } from './auto-converge.js';
import {
  doesNotConverge,
  expectedDowntime,
  isStalled,
  nextStep,
  paceOf,
  type RoundFigures,
} from './convergence.js';
import type { FromMigrationThread, SourceMigrationData, ToMigrationThread } from './messages.js';
import { awaitBegun, awaitShut, listenToReturnPath, type ReturnPathAnswers } from './return-path.js';

/** Bytes a second that a destination's report (digests of all RAM) is trusted to take at the least. */
const SLOWEST_REPORT = 100e6;

/** The source's migration thread. In `multifd` and `none` mode it never sees a page. */
export class MigrationThread {
  readonly where = 'main stream';
  readonly #data: SourceMigrationData;
  readonly #port: ThreadPort<ToMigrationThread, FromMigrationThread>;
  readonly #control: SourceControl;
  readonly #counters: Counters;
  readonly #bandwidth: BandwidthLimit;
  readonly #dirty: readonly DirtyBitmap[];
  readonly #table: RangeTable;
  #legacy: LegacyZeroCheck | undefined;
  #outgoing: Outgoing | undefined;
  #answers: ReturnPathAnswers | undefined;
  #dirtySyncCount = 0;

  constructor(data: SourceMigrationData, port: ThreadPort<ToMigrationThread, FromMigrationThread>) {
    this.#data = data;
    this.#port = port;
    this.#control = new SourceControl(data.control);
    this.#counters = new Counters(data.counters);
    this.#bandwidth = new BandwidthLimit(data.bandwidth);
    this.#table = new RangeTable(data.ram.blocks);
    this.#dirty = data.dirty.map(
      (bitmap, index) =>
        new DirtyBitmap(bitmap, Math.ceil((data.ram.blocks[index]?.length ?? 0) / data.ram.pageSize)),
    );
  }

  async run(): Promise<void> {
    try {
      await this.#migrate();
    } catch (error) {
      await this.#hearMore(error);
      throw error;
    }
  }

  /** The migration has failed, but this thread may go on: the destination may still give its reason on main. */
  async #hearMore(error: unknown): Promise<void> {
    const { signal } = this.#port;
    if (!MultifdError.is(error) || error.code !== 'cancelled' || signal.aborted) return;
    const stopped = new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()));
    await Promise.race([stopped, this.#answers?.closed]);
  }

  async #migrate(): Promise<void> {
    const { parameters } = this.#data;
    if (parameters.zeroPageDetection === 'legacy') {
      this.#legacy = await LegacyZeroCheck.open(
        this.#data,
        this.#control,
        this.#counters.row(0),
        this.#dirty,
        (replacement) => this.#port.post({ type: 'replaced', replacement }),
      );
    }
    this.#port.post({ type: 'ready' });
    const { addresses } = await this.#port.next('connect');
    const request = returnPathRequest(parameters, 'source');
    const { outgoing, answers, tls } = await this.#connect(request.lastPing, addresses);
    const stream = new MainStream(outgoing);
    // A destination looks at the first bytes of each connection, and may wait for them (docs/wire.md, 1).
    await stream.begin(this.#data.configuration, request.commands);
    this.#port.post({ type: 'connected', tls, addresses });
    await this.#port.next('channels-connected');
    this.#port.post({ type: 'ask-early' });
    const early = await this.#port.next('early-state');
    await stream.rawEarly(early.beforeRam.raw);
    await stream.early(early.beforeRam.sections);
    await this.#setUp(stream);
    // QEMU up to 10 has it here: behind the START section of RAM and before the first PART (docs/wire.md, 6.1).
    await stream.rawEarly(early.behindStart.raw);
    await stream.early(early.behindStart.sections);
    if (parameters.returnPath) await awaitBegun(answers, parameters, this.where, this.#port.signal);
    this.#port.post({ type: 'active' });
    await this.#rounds(stream);
    await this.#switchOver(stream);
    if (parameters.returnPath)
      await awaitShut(answers, parameters.stallTimeout, parameters.completionTimeout);
    else outgoing.expectUnanswered();
    this.#control.finish();
    if (!parameters.returnPath) await outgoing.closeUnanswered(parameters.stallTimeout);
    this.#port.post({ type: 'completed' });
    if (this.#data.requestReport) this.#port.post({ type: 'report', report: await this.#report(answers) });
    if (parameters.returnPath) await outgoing.close();
  }

  /** Frees everything, after success or failure. Does not throw. */
  async close(): Promise<void> {
    this.#outgoing?.destroy();
    await this.#legacy?.close();
  }

  async #connect(
    lastPing: number | undefined,
    addresses: HostAddresses | undefined,
  ): Promise<{
    outgoing: Outgoing;
    answers: ReturnPathAnswers;
    tls: TlsPeer | undefined;
  }> {
    const { parameters } = this.#data;
    const { signal } = this.#port;
    const route = { ...this.#data, addresses };
    const { socket, tls } = await openConnection(route, this.where, parameters.setupTimeout, signal);
    const outgoing = new Outgoing(socket, {
      where: 'main stream',
      stallTimeout: parameters.stallTimeout,
      counters: this.#counters.row(0),
      limit: this.#bandwidth,
      signal: this.#port.signal,
    });
    const fail = (error: MultifdError): void => {
      this.#port.fail(error);
      this.#control.abort();
    };
    this.#outgoing = outgoing;
    const accepted = (): boolean => {
      const isDue = this.#control.confirm();
      if (isDue) outgoing.expectEnd();
      return isDue;
    };
    const answers = listenToReturnPath(socket, lastPing, {
      accepted,
      // A destination that was not asked has nothing to say about these two.
      answered: (isMultifd) => this.#control.answered(isMultifd && parameters.wire !== 'qemu'),
      zeroRuns: () => {
        if (parameters.wire !== 'qemu') this.#control.allowZeroRuns();
      },
      refused: () => this.#control.takeBack(),
      reason: (reason) => this.#port.post({ type: 'reason', reason: reason.toReport() }),
      failed: fail,
      ended: () => this.#port.post({ type: 'return-path-ended' }),
      asksReport: this.#data.requestReport,
    });
    outgoing.onFailure = (error) => fail(answers.explain(error));
    this.#answers = answers;
    return { outgoing, answers, tls };
  }

  /** The setup sync: no page may reach a channel before the destination knows the blocks (docs/wire.md, 3.4). */
  async #setUp(stream: MainStream): Promise<void> {
    const { ram, parameters } = this.#data;
    // QEMU lists larger blocks first.
    await stream.ramStart([...ram.blocks].sort((a, b) => b.length - a.length));
    for (const bitmap of this.#dirty) bitmap.markAll();
    this.#dirtySyncCount = 1;
    await this.#epoch(0, 'setup');
    await stream.ramSync(!parameters.multifdFlushAfterEachSection);
  }

  /** @throws MultifdError `timeout` for a guest that has not converged within `maxRounds`. */
  async #rounds(stream: MainStream): Promise<void> {
    const { parameters, live } = this.#data;
    const throttle = parameters.autoConverge && live ? new AutoConverge(parameters) : undefined;
    for (let round = 1; ; round++) {
      const { figures, expected } = await this.#round(stream, 'part');
      if (!live) return;
      const { downtimeLimit, isSuspended: suspended } = this.#control;
      const next = nextStep({ ...parameters, round, expected, downtimeLimit, suspended });
      if (next === 'switchover') return;
      if (next === 'give-up') throw doesNotConverge(`${round} rounds`, paceOf(figures));
      if (throttle?.roundOver(figures)) this.#port.post({ type: 'throttle', percent: throttle.percent });
    }
  }

  /** The last round, with the guest stopped, and the device state. */
  async #switchOver(stream: MainStream): Promise<void> {
    this.#control.throwIfAborted();
    this.#port.post({ type: 'stop-guest' });
    const { deviceState, tail } = await this.#port.next('guest-stopped');
    const start = performance.now();
    await this.#round(stream, 'end');
    const lastRound = performance.now() - start;
    if (this.#data.asksIntact) {
      this.#port.post({ type: 'ask-intact' });
      await this.#port.next('intact');
    }
    const { requestReport, ram } = this.#data;
    // Encode before the hand-over: whatever fails here leaves the guest with us.
    const end =
      tail === undefined
        ? stream.encodeEnd(deviceState, requestReport, ram.pageSize)
        : [requestReport ? withReportRequest(tail) : withSomeDescription(tail)];
    this.#control.handOver();
    await stream.endWith(...end);
    this.#port.post({ type: 'sent-all', lastRound, deviceState: performance.now() - start - lastRound });
  }

  /** One round over all dirty RAM. `expected`: ms that the guest would stand still if it were stopped now. */
  async #round(
    stream: MainStream,
    kind: 'part' | 'end',
  ): Promise<{ readonly figures: RoundFigures; readonly expected: number | undefined }> {
    const { parameters, ram, live } = this.#data;
    this.#dirtySyncCount++;
    const start = performance.now();
    const before = this.#totals();
    await stream.ramPart(kind);
    await this.#epoch(this.#table.count, kind, stream);
    await stream.ramSync(!parameters.multifdFlushAfterEachSection);
    const after = this.#totals();
    const duration = performance.now() - start;
    // Setup has marked everything for the first round. Sync now and not when the next round begins: whether there is
    // one depends on what was written meanwhile, which a tracker's bitmap does not show before a sync.
    if (live && kind === 'part') {
      this.#port.post({ type: 'sync-dirty' });
      await this.#port.next('dirty-synced');
    }
    const figures: RoundFigures = {
      handledPages: after.pages - before.pages,
      dirtyPages: this.#dirtyPages(),
      duration,
      pageSize: ram.pageSize,
      maxBandwidth: this.#bandwidth.bytesPerSecond,
    };
    const expected = expectedDowntime(figures);
    const stalled = kind === 'part' && live && isStalled(figures, expected, this.#control.downtimeLimit);
    this.#port.post({
      type: 'round',
      round: {
        dirtySyncCount: this.#dirtySyncCount,
        dirtyPages: figures.dirtyPages,
        sentPages: figures.handledPages,
        duration: figures.duration,
        bytes: after.bytes - before.bytes,
        expectedDowntime: expected,
        stalled,
      },
    });
    return { figures, expected };
  }

  /** One epoch of `ranges` ranges: returns when every channel has sent its SYNC. */
  async #epoch(ranges: number, kind: 'setup' | 'part' | 'end', stream?: MainStream): Promise<void> {
    const legacy = stream === undefined ? undefined : this.#legacy;
    const epoch = this.#control.openEpoch(ranges, legacy === undefined ? ranges : 0, kind === 'end');
    if (stream !== undefined) await legacy?.checkRound(stream);
    await this.#control.allArrived(epoch, this.#data.parameters.multifdChannels);
  }

  #dirtyPages(): number {
    return this.#dirty.reduce((sum, bitmap) => sum + bitmap.count(), 0);
  }

  #totals(): { bytes: number; pages: number } {
    let bytes = 0;
    let pages = 0;
    for (let index = 0; index < this.#counters.rows; index++) {
      const row = this.#counters.row(index);
      bytes += row.bytes;
      pages += row.normal + row.zero;
    }
    return { bytes, pages };
  }

  async #report(answers: ReturnPathAnswers): Promise<Uint8Array> {
    const total = this.#data.ram.blocks.reduce((sum, block) => sum + block.length, 0);
    const patience = this.#data.parameters.stallTimeout + (total / SLOWEST_REPORT) * 1000;
    return inTime(answers.report, { timeout: patience, what: 'main stream: no report from the destination' });
  }
}
