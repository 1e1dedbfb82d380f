/** When the line is free again: ns, monotonic clock. */
const FREE_AT = 0;
/** Bytes a second; 0 is unlimited. */
const RATE = 1;
/** Incremented by each change of the rate, which invalidates turns given before. */
const GENERATION = 2;
const WORDS = 3;

/** ms of the line that one turn is worth: with a few channels that is no burst worth mentioning. */
const PORTION = 5;
/** ns that a sender which comes late may catch up on: timers fire late, and the rate would never be reached. */
const CATCH_UP = 15_000_000n;

/** A sender's turn. */
export interface Turn {
  /** ms to wait before sending; 0: send at once. */
  readonly wait: number;
  /** For `isStale`. */
  readonly generation: bigint;
}

/**
 * `max-bandwidth` for all connections together: a shared clock that says when the line is free again. Each sender
 * reserves its bytes on it, `portion` by `portion`, and waits for its turn, so a slow channel leaves no share unused, and
 * no second gets 5 % more than the rate. Any thread may change the rate at any time.
 */
export class BandwidthLimit {
  readonly buffer: SharedArrayBuffer;
  readonly #words: BigInt64Array;

  constructor(buffer: SharedArrayBuffer) {
    this.buffer = buffer;
    this.#words = new BigInt64Array(buffer);
  }

  /** @param bytesPerSecond 0 is unlimited. */
  static allocate(bytesPerSecond: number): BandwidthLimit {
    const limit = new BandwidthLimit(new SharedArrayBuffer(WORDS * 8));
    limit.change(bytesPerSecond);
    return limit;
  }

  /** Sets the limit from now on. Waiting senders reserve again. @param bytesPerSecond 0 is unlimited. */
  change(bytesPerSecond: number): void {
    Atomics.store(this.#words, RATE, BigInt(bytesPerSecond));
    Atomics.store(this.#words, FREE_AT, 0n);
    Atomics.add(this.#words, GENERATION, 1n);
  }

  /** Bytes a second; 0 is unlimited. */
  get bytesPerSecond(): number {
    return Number(Atomics.load(this.#words, RATE));
  }

  /** Bytes to reserve at a time, at most; infinite without a limit. */
  get portion(): number {
    const rate = this.bytesPerSecond;
    return rate === 0 ? Number.POSITIVE_INFINITY : Math.max(1, Math.floor((rate * PORTION) / 1000));
  }

  /** Reserves `bytes`. @param now ns, monotonic. */
  reserve(bytes: number, now: bigint): Turn {
    const generation = Atomics.load(this.#words, GENERATION);
    const rate = Atomics.load(this.#words, RATE);
    if (rate === 0n) return { wait: 0, generation };
    // Rounded up: many small writes must not add up to more than the rate.
    const cost = (BigInt(bytes) * 1_000_000_000n + rate - 1n) / rate;
    for (;;) {
      const freeAt = Atomics.load(this.#words, FREE_AT);
      const earliest = now - CATCH_UP;
      const start = freeAt > earliest ? freeAt : earliest;
      if (Atomics.compareExchange(this.#words, FREE_AT, freeAt, start + cost) === freeAt) {
        return { wait: Math.max(0, Number(start - now) / 1e6), generation };
      }
    }
  }

  /** Whether the rate has changed since the turn was given: the sender must reserve its bytes again. */
  isStale(turn: Turn): boolean {
    return Atomics.load(this.#words, GENERATION) !== turn.generation;
  }
}
