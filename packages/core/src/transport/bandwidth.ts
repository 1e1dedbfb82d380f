/** When the line is free again, in ns of the monotonic clock. */
const FREE_AT = 0;
/** Bytes a second; 0 is unlimited. */
const RATE = 1;
/** Grows with each change of the rate: a turn that was given before counts no more. */
const GENERATION = 2;
const WORDS = 3;

/** A sender's turn. */
export interface Turn {
  /** ms to wait before the bytes may be sent; 0: at once. */
  readonly wait: number;
  /** For `isStale`. */
  readonly generation: bigint;
}

/**
 * `max-bandwidth` over all connections together: a shared clock of when the line is free again. Each sender
 * reserves its bytes on it and waits for its turn, so that no share is left unused by a slow channel. The rate may be
 * changed at any time, from any thread.
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

  /** The limit from now on. Whoever waits for a turn asks again. */
  change(bytesPerSecond: number): void {
    Atomics.store(this.#words, RATE, BigInt(bytesPerSecond));
    Atomics.store(this.#words, FREE_AT, 0n);
    Atomics.add(this.#words, GENERATION, 1n);
  }

  /** Bytes a second; 0 is unlimited. */
  get bytesPerSecond(): number {
    return Number(Atomics.load(this.#words, RATE));
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
      const start = freeAt > now ? freeAt : now;
      if (Atomics.compareExchange(this.#words, FREE_AT, freeAt, start + cost) === freeAt) {
        return { wait: Number(start - now) / 1e6, generation };
      }
    }
  }

  /** Whether the rate was changed since the turn was given: the bytes have to be reserved again. */
  isStale(turn: Turn): boolean {
    return Atomics.load(this.#words, GENERATION) !== turn.generation;
  }
}
