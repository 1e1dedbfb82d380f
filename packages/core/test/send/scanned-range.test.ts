import { expect, test } from 'vitest';
import type { RamBlock } from '../../src/ram/block.js';
import { DirtyBitmap } from '../../src/ram/dirty-bitmap.js';
import type { SendingBlock } from '../../src/ram/sending-block.js';
import { CheckPipeline } from '../../src/send/check-pipeline.js';
import { PAGE_ABSENT, PAGE_NORMAL, type ScannedRange } from '../../src/send/scanned-range.js';

const PAGE = 4096;
const PAGES = 64;

/** Whoever sends has no business to look here. */
const notLookedAt = (): never => {
  throw new Error('looked at');
};

const LOOKED_AT: RamBlock = {
  name: 'pc.ram',
  length: PAGES * PAGE,
  windowSize: 2 ** 30,
  inPlace: true,
  read: notLookedAt,
  window: notLookedAt,
  write: notLookedAt,
  zero: notLookedAt,
  absent: notLookedAt,
  close() {},
};

/** A block that is not in place, and says what is read of it to be sent, in pages. Pages 40 to 49 are absent. */
function recordingBlock(reads: [number, number][]): SendingBlock {
  return {
    block: LOOKED_AT,
    inPlace: false,
    readToSend(offset, length, scratch) {
      reads.push([offset / PAGE, (offset + length) / PAGE]);
      return scratch.subarray(0, length).fill(1 + offset / PAGE);
    },
    absentToSend(offset, length) {
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
  const seen: [number, number][] = [];
  const block = recordingBlock(seen);
  const result = await scan(block, dirty);
  expect(seen).toEqual(reads);
  expect(result?.count).toBe(dirty.length);
  for (const [from = 0] of reads) expect(result?.memory[from * PAGE]).toBe(1 + from);
});

test('nobody checks: an absent page is normal, and not to be touched', async () => {
  const result = await scan(recordingBlock([]), [39, 40, 49, 50]);
  expect([...(result?.answers.subarray(0, 4) ?? [])]).toEqual([
    PAGE_NORMAL,
    PAGE_ABSENT,
    PAGE_ABSENT,
    PAGE_NORMAL,
  ]);
});

test('of a block in place no view is made before a page has to be looked at', async () => {
  const seen: [number, number][] = [];
  const block = { ...recordingBlock(seen), inPlace: true };
  expect((await scan(block, [40, 45, 49]))?.memory).toHaveLength(0);
  expect(seen).toEqual([]);
});

test('dirty bits are taken before it is asked what is absent', async () => {
  const bitmap = DirtyBitmap.allocate(PAGES);
  const asked: number[] = [];
  const block: SendingBlock = {
    ...recordingBlock([]),
    absentToSend(offset, length) {
      asked.push(bitmap.takeWord(Math.floor(offset / PAGE / 32)));
      return length;
    },
  };
  for (const page of [0, 33]) bitmap.mark(page);
  await scan(block, bitmap);
  expect(asked).toEqual([0]);
});

/** One range, by a pipeline without a checker. */
async function scan(
  sending: SendingBlock,
  dirty: DirtyBitmap | readonly number[],
): Promise<ScannedRange | undefined> {
  const bitmap = dirty instanceof DirtyBitmap ? dirty : DirtyBitmap.allocate(PAGES);
  if (!(dirty instanceof DirtyBitmap)) for (const page of dirty) bitmap.mark(page);
  const range = { block: 0, offset: 0, length: PAGES * PAGE };
  const pipeline = new CheckPipeline(PAGE, undefined, {
    claim: () => ({ index: 0, range, sending, dirty: bitmap }),
    fairShare: () => 1,
  });
  return pipeline.next();
}
