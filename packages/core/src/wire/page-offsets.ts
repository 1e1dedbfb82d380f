const TWO_32 = 2 ** 32;

/**
 * Writes byte offsets as big-endian u64, back to back from `at` on. A DataView stores a word at any alignment in one
 * instruction, where single bytes take eight stores a page.
 * @param offsets the first `count` are integers from 0 to 2^53 - 1.
 */
export function writeOffsets(target: Uint8Array, at: number, offsets: Float64Array, count: number): void {
  const view = new DataView(target.buffer, target.byteOffset + at, 8 * count);
  for (let index = 0, place = 0; index < count; index++, place += 8) {
    const offset = offsets[index];
    const high = Math.floor(offset / TWO_32);
    view.setUint32(place, high);
    view.setUint32(place + 4, offset - high * TWO_32);
  }
}

/**
 * Reads `count` offsets as `writeOffsets` writes them.
 * @param offsets has room for `count`; its first ones are valid up to the returned index.
 * @returns the index of the first offset above `Number.MAX_SAFE_INTEGER`; `count` if there is none.
 */
export function readOffsets(source: Uint8Array, at: number, offsets: Float64Array, count: number): number {
  const view = new DataView(source.buffer, source.byteOffset + at, 8 * count);
  for (let index = 0, place = 0; index < count; index++, place += 8) {
    const offset = view.getUint32(place) * TWO_32 + view.getUint32(place + 4);
    if (offset > Number.MAX_SAFE_INTEGER) return index;
    offsets[index] = offset;
  }
  return count;
}
