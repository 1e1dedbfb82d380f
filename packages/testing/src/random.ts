/** A repeatable source of randomness: the same seed gives the same numbers, anywhere. */
export interface Random {
  /** At least 0, below 1. */
  next(): number;
  /** An integer, at least 0, below `n`. */
  int(n: number): number;
  bytes(n: number): Uint8Array;
}

/** mulberry32: 32 bits of state, good enough for test data. */
export function createRandom(seed: number): Random {
  let state = seed >>> 0;
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  const int = (n: number): number => Math.floor(next() * n);
  return { next, int, bytes: (n) => Uint8Array.from({ length: n }, () => int(256)) };
}

/** MULTIFD_SEED from the environment, to repeat a run that failed; else a new seed each time. */
export function testSeed(): number {
  const given = process.env.MULTIFD_SEED;
  const seed = given === undefined || given === '' ? Math.floor(Math.random() * 2 ** 32) : Number(given);
  if (!Number.isInteger(seed)) throw new Error(`MULTIFD_SEED=${given}: not an integer`);
  return seed;
}
