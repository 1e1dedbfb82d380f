/**
 * The runs of pages that a bitmap marks, as `FileBlockDescriptor.extents`.
 * @param words core's `DirtyBitmap`: 32 pages a word, the lowest bit first.
 * @param pages number of pages of the block; bits behind them are ignored.
 */
export function receivedExtents(words: Int32Array, pages: number, pageSize: number): Float64Array {
  const pairs: number[] = [];
  let inside = false;
  for (let page = 0; page < pages; page++) {
    const word = words[page >>> 5] ?? 0;
    const isUniform = page % 32 === 0 && page + 32 <= pages && word === (inside ? -1 : 0);
    if (isUniform) {
      page += 31;
      continue;
    }
    if ((((word >>> (page & 31)) & 1) === 1) === inside) continue;
    inside = !inside;
    pairs.push(page * pageSize);
  }
  if (inside) pairs.push(pages * pageSize);
  return Float64Array.from(pairs);
}
