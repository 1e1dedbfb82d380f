/** Some pages of a batch that go to the device together. */
export interface Piece {
  /** Index in the batch of its first page. */
  readonly first: number;
  /** Pages. */
  readonly count: number;
  /** Pairs of byte offset and number of pages, one behind the other in memory, in the batch's order. */
  readonly runs: Float64Array;
}

/**
 * Cuts a batch into pieces of at most `most` pages, and each piece into runs of neighbours.
 * @param offsets the first `count` are byte offsets of pages.
 * @throws RangeError for an offset without a whole page in `length` bytes.
 */
export function cut(
  offsets: Float64Array,
  count: number,
  pageSize: number,
  length: number,
  most: number,
): Piece[] {
  const last = length - pageSize;
  const pieces: Piece[] = [];
  for (let first = 0; first < count; first += most) {
    const end = Math.min(count, first + most);
    const runs = new Float64Array(2 * (end - first));
    let used = 0;
    for (let index = first; index < end; ) {
      const start = offsets[index] ?? Number.NaN;
      let pages = 0;
      for (; index < end && offsets[index] === start + pages * pageSize; pages++) {
        const offset = offsets[index++] ?? Number.NaN;
        if (!(offset >= 0 && offset <= last)) throw noPage(index - 1, offset);
      }
      if (pages === 0) throw noPage(index, start);
      runs[used++] = start;
      runs[used++] = pages;
    }
    pieces.push({ first, count: end - first, runs: runs.slice(0, used) });
  }
  return pieces;
}

function noPage(index: number, offset: number): RangeError {
  return new RangeError(`offsets[${index}] is ${offset}: no whole page there`);
}
