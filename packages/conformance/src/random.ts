/** Whole numbers from 0 to `below` - 1. */
export type Random = (below: number) => number;

/** mulberry32: the same numbers for the same seed, on every machine. */
export function randomNumbers(seed: number): Random {
  let state = seed >>> 0;
  return (below) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32) * below);
  };
}

/** Of a run that nobody gave a seed: `MULTIFD_SEED` repeats it. 32 bits. */
export function freshSeed(): number {
  const given = process.env.MULTIFD_SEED;
  const seed = given === undefined ? Date.now() : Number(given);
  if (!Number.isSafeInteger(seed)) throw new RangeError(`MULTIFD_SEED is no whole number: ${given}`);
  return (seed % 2 ** 32) >>> 0;
}
