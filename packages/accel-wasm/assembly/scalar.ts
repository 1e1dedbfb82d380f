/**
 * Pages in imported memory, 8 bytes at a time. The twin of simd.ts, for engines without SIMD: same export, same
 * answers, and nothing here writes to memory either.
 */

/**
 * Looks at `count` pages (1 to 32) of `pageSize` bytes, one behind the other from `first` on.
 * Bit `i` of the result is 1 if every byte of page `i` is 0.
 */
export function zeroPages(first: usize, count: i32, pageSize: usize): u32 {
  let bits: u32 = 0;
  for (let page = 0; page < count; page++) {
    if (isZero(first, pageSize)) bits |= 1 << page;
    first += pageSize;
  }
  return bits;
}

/** 64 bytes between two decisions. Counted down: the end of the last page of 4 GiB is 0 in 32 bits. */
function isZero(at: usize, pageSize: usize): bool {
  if (!looksZero(at)) return false;
  for (let rest = pageSize; rest !== 0; rest -= 64, at += 64) {
    const left = load<u64>(at) | load<u64>(at, 8) | load<u64>(at, 16) | load<u64>(at, 24);
    const right = load<u64>(at, 32) | load<u64>(at, 40) | load<u64>(at, 48) | load<u64>(at, 56);
    if ((left | right) !== 0) return false;
  }
  return true;
}

/** A quick look at one cache line, which turns away nearly all used pages: four bytes of the first 32. */
function looksZero(at: usize): bool {
  return (load<u8>(at) | load<u8>(at, 8) | load<u8>(at, 16) | load<u8>(at, 24)) === 0;
}
