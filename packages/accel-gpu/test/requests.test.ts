import { expect, test } from 'vitest';
import { gather, isScattered, run } from '../src/gather.js';
import { cut } from '../src/requests.js';

const PAGE = 4096;
const pages = (...numbers: readonly number[]) => Float64Array.from(numbers, (page) => page * PAGE);

test('neighbours are one run, in the order of the batch', () => {
  const [piece, ...others] = cut(pages(3, 4, 5, 9, 8, 8, 0), 7, PAGE, 10 * PAGE, 100);
  expect(others).toEqual([]);
  expect(piece).toEqual({
    first: 0,
    count: 7,
    runs: Float64Array.of(3 * PAGE, 3, 9 * PAGE, 1, 8 * PAGE, 1, 8 * PAGE, 1, 0, 1),
  });
});

test('a batch is cut into pieces, also in the middle of a run', () => {
  const pieces = cut(pages(0, 1, 2, 3, 4, 6), 6, PAGE, 7 * PAGE, 4);
  expect(pieces).toEqual([
    { first: 0, count: 4, runs: Float64Array.of(0, 4) },
    { first: 4, count: 2, runs: Float64Array.of(4 * PAGE, 1, 6 * PAGE, 1) },
  ]);
  expect(cut(pages(1), 0, PAGE, 2 * PAGE, 4)).toEqual([]);
});

test.each([PAGE + 1, 2 * PAGE, -PAGE, Number.NaN, Number.POSITIVE_INFINITY])(
  'an offset of %d has no whole page in two',
  (offset) => {
    expect(() => cut(Float64Array.of(0, offset), 2, PAGE, 2 * PAGE, 8)).toThrow(/offsets\[1\]/);
    expect(() => cut(Float64Array.of(offset), 1, PAGE, 2 * PAGE, 8)).toThrow(/offsets\[0\]/);
  },
);

test('short runs are copied together, long ones are not', () => {
  const memory = Uint8Array.from({ length: 4 * PAGE }, (_, index) => index >>> 12);
  const upload = { memory, pageSize: PAGE, count: 2, runs: Float64Array.of(3 * PAGE, 1, PAGE, 1) };
  expect(isScattered(upload)).toBe(true);
  expect(isScattered({ ...upload, count: 64, runs: Float64Array.of(0, 64) })).toBe(false);
  const target = new Uint8Array(2 * PAGE);
  gather(upload, target);
  expect([target[0], target[PAGE - 1], target[PAGE]]).toEqual([3, 3, 1]);
});

test('bytes that are not there are an error: what lay on the device before would be looked at', () => {
  expect(run(new Uint8Array(10), 4, 6)).toHaveLength(6);
  expect(() => run(new Uint8Array(10), 5, 6)).toThrow(RangeError);
});
