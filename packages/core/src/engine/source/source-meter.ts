import type { DirtyBitmap } from '../../ram/dirty-bitmap.js';
import type { GuestRamDescriptor } from '../../ram/guest-ram.js';
import type { Counters } from '../../thread/counters.js';
import type { DowntimeParts, RoundStatistics, SourceStatistics } from '../statistics.js';
import { type Pace, paceOf } from './convergence.js';
import type { RoundReport } from './messages.js';

/** Computes the numbers of QEMU's `query-migrate` from counters and times. */
export class SourceMeter {
  readonly #ram: GuestRamDescriptor;
  readonly #counters: Counters;
  readonly #unsent: ReadonlySet<DirtyBitmap>;
  readonly #start = performance.now();
  #setupEnd: number | undefined;
  #stopped: number | undefined;
  /** Bytes of main when the guest was stopped. */
  #mainAtStop: number | undefined;
  #lastRoundStart: number | undefined;
  #end: number | undefined;
  #round: RoundReport | undefined;
  #stalledSince: number | undefined;
  #throttle = 0;
  #lastParts: Pick<DowntimeParts, 'lastRound' | 'deviceState'> | undefined;

  /** @param unsent bitmaps whose pages are still to be sent. */
  constructor(ram: GuestRamDescriptor, counters: Counters, unsent: ReadonlySet<DirtyBitmap>) {
    this.#ram = ram;
    this.#counters = counters;
    this.#unsent = unsent;
  }

  setupOver(): void {
    this.#setupEnd = performance.now();
  }

  guestStops(): void {
    this.#stopped = performance.now();
    this.#mainAtStop = this.#counters.row(0).bytes;
  }

  lastRoundBegins(): void {
    this.#lastRoundStart = performance.now();
  }

  /** @param percent of the time that the guest's processors stand still. */
  throttled(percent: number): void {
    this.#throttle = percent;
  }

  /** @returns the round's figures, for whoever watches. */
  roundOver(round: RoundReport): RoundStatistics {
    this.#round = round;
    if (!round.stalled) this.#stalledSince = undefined;
    else this.#stalledSince ??= performance.now() - this.#start;
    const { duration, sentPages, bytes, dirtyPages, expectedDowntime } = round;
    const pace = paceOf({ dirtyPages, handledPages: sentPages, duration, pageSize: this.#ram.pageSize });
    return {
      // The setup counts as the first look at the dirty bitmap.
      round: round.dirtySyncCount - 1,
      duration,
      pages: sentPages,
      bytes,
      dirtiedPages: dirtyPages,
      dirtyRate: pace.dirtyRate,
      rate: pace.rate,
      expectedDowntime,
      stalledSince: this.#stalledSince,
      cpuThrottlePercentage: this.#throttle,
    };
  }

  /** The stream's end is written. @param parts ms. */
  sentAll(parts: Pick<DowntimeParts, 'lastRound' | 'deviceState'>): void {
    this.#lastParts = parts;
  }

  completed(): void {
    this.#end = performance.now();
  }

  read(): SourceStatistics {
    const { pageSize, blocks } = this.#ram;
    const now = this.#end ?? performance.now();
    const totalTime = now - this.#start;
    const setupTime = (this.#setupEnd ?? now) - this.#start;
    // As in QEMU, rates leave out the setup, which sends next to nothing.
    const transferSeconds = (totalTime - setupTime) / 1000;
    const rows = Array.from({ length: this.#counters.rows }, (_, index) => this.#counters.row(index));
    const normal = rows.reduce((sum, row) => sum + row.normal, 0);
    const zeroPages = rows.reduce((sum, row) => sum + row.zero, 0);
    const transferred = rows.reduce((sum, row) => sum + row.bytes, 0);
    const mainBytes = rows[0]?.bytes ?? 0;
    const precopyBytes = this.#mainAtStop ?? mainBytes;
    const channelBytes = rows.slice(1).map((row) => row.bytes);
    const round = this.#round;
    const roundSeconds = round === undefined ? transferSeconds : round.duration / 1000;
    const roundBytes = round === undefined ? transferred : round.bytes;
    const over = this.#end !== undefined;
    const remaining = over ? 0 : this.#remaining();
    // QEMU's is 0 once no guest runs that could dirty memory.
    const dirtyPagesRate = over || round === undefined ? 0 : rate(round.dirtyPages, roundSeconds);
    const pagesPerSecond = over
      ? rate(normal + zeroPages, transferSeconds)
      : rate(round?.sentPages ?? normal + zeroPages, roundSeconds);
    return {
      totalTime,
      setupTime,
      downtime: over && this.#stopped !== undefined ? now - this.#stopped : undefined,
      downtimeParts: over ? this.#downtimeParts(now) : undefined,
      expectedDowntime: round?.expectedDowntime,
      expectedEnd: timeFor(remaining / pageSize, pagesPerSecond - dirtyPagesRate),
      total: blocks.reduce((sum, block) => sum + block.length, 0),
      remaining,
      transferred,
      precopyBytes,
      downtimeBytes: mainBytes - precopyBytes,
      multifdBytes: channelBytes.reduce((sum, bytes) => sum + bytes, 0),
      normal,
      normalBytes: normal * pageSize,
      zeroPages,
      zeroBytes: zeroPages * pageSize,
      pageSize,
      dirtySyncCount: round?.dirtySyncCount ?? 1,
      dirtyPagesRate,
      pagesPerSecond,
      mbps: over ? rate(transferred * 8, transferSeconds) / 1e6 : rate(roundBytes * 8, roundSeconds) / 1e6,
      cpuThrottlePercentage: this.#throttle,
      stalledSince: over ? undefined : this.#stalledSince,
      channelBytes,
      offload: this.#counters.offload,
    };
  }

  pace(): Pace {
    const { pageSize, remaining, dirtyPagesRate, pagesPerSecond } = this.read();
    return {
      dirtyRate: this.#round === undefined ? undefined : dirtyPagesRate * pageSize,
      rate: pagesPerSecond * pageSize,
      remaining,
    };
  }

  #downtimeParts(end: number): DowntimeParts | undefined {
    const [stopped, begun, parts] = [this.#stopped, this.#lastRoundStart, this.#lastParts];
    if (stopped === undefined || begun === undefined || parts === undefined) return undefined;
    const { lastRound, deviceState } = parts;
    // What the threads have measured by their own clocks; the rest is the wait for the answer.
    return { stop: begun - stopped, lastRound, deviceState, commit: end - begun - lastRound - deviceState };
  }

  #remaining(): number {
    let pages = 0;
    for (const bitmap of this.#unsent) pages += bitmap.count();
    const total = this.#ram.blocks.reduce((sum, { length }) => sum + length, 0);
    // With `legacy` a page that was found to have content and is dirty again stands in two bitmaps.
    return Math.min(pages * this.#ram.pageSize, total);
  }
}

function rate(amount: number, seconds: number): number {
  return seconds > 0 ? amount / seconds : 0;
}

/** ms for so many pages; undefined if they would never be gone. */
function timeFor(pages: number, pagesPerSecond: number): number | undefined {
  if (pages === 0) return 0;
  return pagesPerSecond > 0 ? (1000 * pages) / pagesPerSecond : undefined;
}
