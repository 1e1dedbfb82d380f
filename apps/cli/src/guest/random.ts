/** A 32-bit number that depends evenly on every bit of `a` (the finalizer of MurmurHash3). 0 to 2^32-1. */
export function mix(a: number): number {
  let x = a | 0;
  x = Math.imul(x ^ (x >>> 16), 0x85ebca6b);
  x = Math.imul(x ^ (x >>> 13), 0xc2b2ae35);
  return (x ^ (x >>> 16)) >>> 0;
}

/** The same for a seed and a count of any size up to 2^53, and for `lane`, so that one count gives many numbers. */
export function mixCount(seed: number, count: number, lane: number): number {
  const high = Math.floor(count / 2 ** 32);
  return mix(mix(mix(seed + Math.imul(lane, 0x9e3779b9)) ^ (high + 0x85ebca77)) ^ (count | 0));
}
