/**
 * `max-bandwidth` over all connections together: a shared clock of when the line is free again. Each sender
 * reserves its bytes on it and waits for its turn, so that no share is left unused by a slow channel.
 */
export class BandwidthLimit {
  readonly buffer: SharedArrayBuffer;
  readonly #freeAt: BigInt64Array;
  readonly #bytesPerSecond: number;

  constructor(buffer: SharedArrayBuffer, bytesPerSecond: number) {
    this.buffer = buffer;
    this.#freeAt = new BigInt64Array(buffer);
    this.#bytesPerSecond = bytesPerSecond;
  }

  /** @param bytesPerSecond 0 is unlimited. */
  static allocate(bytesPerSecond: number): BandwidthLimit {
    return new BandwidthLimit(new SharedArrayBuffer(8), bytesPerSecond);
  }

  /** Reserves `bytes` and gives the ms to wait before they may be sent; 0 at once. `now` in ns, monotonic. */
  reserve(bytes: number, now: bigint): number {
    if (this.#bytesPerSecond === 0) return 0;
    const cost = BigInt(Math.ceil((bytes * 1e9) / this.#bytesPerSecond));
    for (;;) {
      const freeAt = Atomics.load(this.#freeAt, 0);
      const start = freeAt > now ? freeAt : now;
      if (Atomics.compareExchange(this.#freeAt, 0, freeAt, start + cost) === freeAt) {
        return Number(start - now) / 1e6;
      }
    }
  }
}
