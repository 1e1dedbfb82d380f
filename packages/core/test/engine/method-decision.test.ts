import { expect, test } from 'vitest';
import { decideMethod, type MeasuredMethod } from '../../src/engine/source/method-decision.js';

const MB = 1e6;
const zstd: MeasuredMethod = { name: 'zstd', bytesPerSecond: 500 * MB, ratio: 0.25 };
const zlib: MeasuredMethod = { name: 'zlib', bytesPerSecond: 60 * MB, ratio: 0.2 };

test.each([
  { what: 'a slow line takes the better ratio', line: 5 * MB, measured: [zstd, zlib], name: 'zlib' },
  { what: 'a faster one the faster method', line: 100 * MB, measured: [zstd, zlib], name: 'zstd' },
  {
    what: 'nearly as good for less work is better',
    line: 100 * MB,
    measured: [
      { ...zstd, ratio: 0.38 },
      { name: 'zlib', bytesPerSecond: 185 * MB, ratio: 0.36 },
    ],
    name: 'zstd',
  },
  {
    what: 'more work for much less is worth it',
    line: 100 * MB,
    measured: [
      { ...zstd, ratio: 0.38 },
      { name: 'zlib', bytesPerSecond: 185 * MB, ratio: 0.3 },
    ],
    name: 'zlib',
  },
  {
    what: 'a line that outruns the methods takes none',
    line: 2000 * MB,
    measured: [zstd, zlib],
    name: 'none',
  },
  {
    what: 'a gain below a fifth is none',
    line: 100 * MB,
    measured: [{ ...zstd, ratio: 0.9 }],
    name: 'none',
  },
  { what: 'nothing to be tried is none', line: 100 * MB, measured: [], name: 'none' },
  { what: 'a line that stands still', line: 0, measured: [zstd], name: 'zstd' },
  { what: 'a payload of nothing', line: 100 * MB, measured: [{ ...zstd, ratio: 0 }], name: 'zstd' },
])('$what', ({ line, measured, name }) => {
  const decision = decideMethod(line, 2, measured);
  expect(decision).toMatchObject({ name, lineRate: line, measured });
  expect(decision.reason).toMatch(/the line takes/);
});

test('threads count where the methods are the limit', () => {
  const slow = { ...zstd, bytesPerSecond: 100 * MB };
  expect(decideMethod(150 * MB, 1, [slow]).name).toBe('none');
  expect(decideMethod(150 * MB, 4, [slow]).name).toBe('zstd');
});
