import type { Counters } from '../../thread/counters.js';
import type { DestinationStatistics } from '../statistics.js';

/** Computes the destination's statistics from counters and times. */
export class DestinationMeter {
  readonly #counters: Counters;
  readonly #pageSize: number;
  #start: number | undefined;
  #end: number | undefined;
  #total = 0;
  #lastReceived = -1;
  #lastChange = performance.now();

  constructor(counters: Counters, pageSize: number) {
    this.#counters = counters;
    this.#pageSize = pageSize;
  }

  /** The first connection of the source is there. */
  begins(): void {
    this.#start ??= performance.now();
  }

  ramOpened(total: number): void {
    this.#total = total;
  }

  completed(): void {
    this.#end = performance.now();
  }

  /** ms since the last byte, as seen by the calls so far. */
  idleFor(): number {
    const { received } = this.read();
    const now = performance.now();
    if (received !== this.#lastReceived) {
      this.#lastReceived = received;
      this.#lastChange = now;
    }
    return now - this.#lastChange;
  }

  read(): DestinationStatistics {
    const now = this.#end ?? performance.now();
    const rows = Array.from({ length: this.#counters.rows }, (_, index) => this.#counters.row(index));
    const sum = (pick: (row: (typeof rows)[number]) => number): number =>
      rows.reduce((total, row) => total + pick(row), 0);
    const normal = sum((row) => row.normal);
    const zeroPages = sum((row) => row.zero);
    const received = sum((row) => row.bytes);
    return {
      totalTime: now - (this.#start ?? now),
      total: this.#total,
      received,
      multifdBytes: received - (rows[0]?.bytes ?? 0),
      normal,
      normalBytes: normal * this.#pageSize,
      zeroPages,
      zeroBytes: zeroPages * this.#pageSize,
      untouchedPages: sum((row) => row.untouched),
      pageSize: this.#pageSize,
    };
  }
}
