/**
 * Pages in imported memory, 16 bytes at a time. The twin of scalar.ts: same export, same answers.
 *
 * Nothing here writes to memory, which may be a guest's, and nothing keeps anything in it. Each page is looked at by
 * itself: the guest may be writing to its neighbour.
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

/**
 * 128 bytes between two decisions, so that a page that is used at its front is left early. Counted down: the end of
 * the last page of 4 GiB is 0 in 32 bits.
 */
function isZero(at: usize, pageSize: usize): bool {
  if (!looksZero(at)) return false;
  for (let rest = pageSize; rest !== 0; rest -= 128, at += 128) {
    const left = v128.or(
      v128.or(v128.load(at), v128.load(at, 16)),
      v128.or(v128.load(at, 32), v128.load(at, 48)),
    );
    const right = v128.or(
      v128.or(v128.load(at, 64), v128.load(at, 80)),
      v128.or(v128.load(at, 96), v128.load(at, 112)),
    );
    if (v128.any_true(v128.or(left, right))) return false;
  }
  return true;
}

/** A quick look at one cache line, which turns away nearly all used pages: four bytes of the first 32. */
function looksZero(at: usize): bool {
  return (load<u8>(at) | load<u8>(at, 8) | load<u8>(at, 16) | load<u8>(at, 24)) === 0;
}
