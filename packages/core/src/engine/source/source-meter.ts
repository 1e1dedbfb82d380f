import type { DirtyBitmap } from '../../ram/dirty-bitmap.js';
import type { GuestRamDescriptor } from '../../ram/guest-ram.js';
import type { Counters } from '../../thread/counters.js';
import type { SourceStatistics } from '../statistics.js';
import type { RoundReport } from './messages.js';

/** Computes the numbers of QEMU's `query-migrate` from counters and times. */
export class SourceMeter {
  readonly #ram: GuestRamDescriptor;
  readonly #counters: Counters;
  readonly #unsent: ReadonlySet<DirtyBitmap>;
  readonly #start = performance.now();
  #setupEnd: number | undefined;
  #stopped: number | undefined;
  #end: number | undefined;
  #round: RoundReport | undefined;

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
  }

  roundOver(round: RoundReport): void {
    this.#round = round;
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
      expectedDowntime: round?.expectedDowntime,
      expectedEnd: timeFor(remaining / pageSize, pagesPerSecond - dirtyPagesRate),
      total: blocks.reduce((sum, block) => sum + block.length, 0),
      remaining,
      transferred,
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
      channelBytes,
    };
  }

  #remaining(): number {
    let pages = 0;
    for (const bitmap of this.#unsent) pages += bitmap.count();
    return pages * this.#ram.pageSize;
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
