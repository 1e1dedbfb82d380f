import { expect, test } from 'vitest';
import type { RamBlock } from '../../src/ram/block.js';
import { DirtyBitmap } from '../../src/ram/dirty-bitmap.js';
import { RangeScanner } from '../../src/zero/range-scanner.js';

const PAGE = 4096;
const PAGES = 64;

/** A block that is not in place, and says what is read of it, in pages. Pages 40 to 49 are absent. */
function recordingBlock(reads: [number, number][]): RamBlock {
  return {
    name: 'pc.ram',
    length: PAGES * PAGE,
    windowSize: 2 ** 30,
    inPlace: false,
    read(offset, length, scratch) {
      reads.push([offset / PAGE, (offset + length) / PAGE]);
      return scratch.subarray(0, length).fill(1 + offset / PAGE);
    },
    window: () => undefined,
    write() {},
    zero() {},
    absent(offset, length) {
      const page = offset / PAGE;
      if (page < 40) return -Math.min(length, (40 - page) * PAGE);
      return page < 50 ? Math.min(length, (50 - page) * PAGE) : -length;
    },
    close() {},
  };
}

test.each([
  {
    name: 'rows',
    dirty: [0, 1, 2, 7, 8, 30],
    reads: [
      [0, 3],
      [7, 9],
      [30, 31],
    ],
  },
  {
    name: 'rows around holes',
    dirty: [38, 39, 40, 45, 49, 50, 51, 63],
    reads: [
      [38, 40],
      [50, 52],
      [63, 64],
    ],
  },
  { name: 'holes only', dirty: [41, 42], reads: [] },
  { name: 'nothing', dirty: [], reads: [] },
])('of a block that is not in place only dirty pages are read: $name', async ({ dirty, reads }) => {
  const bitmap = DirtyBitmap.allocate(PAGES);
  for (const page of dirty) bitmap.mark(page);
  const seen: [number, number][] = [];
  const block = recordingBlock(seen);
  const scratch = new Uint8Array(PAGES * PAGE);
  const range = { block: 0, offset: 0, length: PAGES * PAGE };
  const result = await new RangeScanner(PAGE, undefined).scan(range, block, bitmap, scratch);
  expect(seen).toEqual(reads);
  expect(result.count).toBe(dirty.length);
  for (const [from = 0] of reads) expect(result.memory[from * PAGE]).toBe(1 + from);
});
