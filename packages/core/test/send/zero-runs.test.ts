import { expect, test } from 'vitest';
import { createRamPacket } from '../../src/public/wire.js';
import { RANGE_SIZE } from '../../src/ram/ranges.js';
import { ZeroRuns } from '../../src/send/zero-runs.js';
import { MAX_ZERO_RUN } from '../../src/wire/layout.js';

const PAGE = 4096;
const MOST = 4 * 2 ** 20;

test('a range of a source fits into one run, which every destination takes', () => {
  expect(MAX_ZERO_RUN).toBe(MOST);
  expect(RANGE_SIZE).toBeLessThanOrEqual(MAX_ZERO_RUN);
});

/** The runs of a packet as pairs. */
function runsOf(runs: ZeroRuns): number[][] {
  const packet = createRamPacket(PAGE);
  runs.moveTo(packet);
  return Array.from({ length: packet.zeroRuns }, (_, run) => [
    packet.offsets[2 * run],
    packet.offsets[2 * run + 1],
  ]);
}

test('neighbours become one run, and others do not', () => {
  const runs = new ZeroRuns(128);
  for (const page of [0, 1, 2, 5, 4, 9]) runs.add(page * PAGE, PAGE);
  expect(runsOf(runs)).toEqual([
    [0, 3 * PAGE],
    [5 * PAGE, PAGE],
    [4 * PAGE, PAGE],
    [9 * PAGE, PAGE],
  ]);
  expect(runs.isEmpty).toBe(true);
});

test('a run ends where it is as long as may be', () => {
  const runs = new ZeroRuns(128);
  runs.add(0, MOST - PAGE);
  runs.add(MOST - PAGE, PAGE);
  runs.add(MOST, PAGE);
  runs.add(MOST + PAGE, MOST);
  expect(runsOf(runs)).toEqual([
    [0, MOST],
    [MOST, PAGE],
    [MOST + PAGE, MOST],
  ]);
});

test('a packet holds half as many runs as entries, and the next begins anew', () => {
  const runs = new ZeroRuns(8);
  for (let page = 0; page < 4; page++) {
    expect(runs.isFull).toBe(false);
    runs.add(2 * page * PAGE, PAGE);
  }
  expect(runs.isFull).toBe(true);
  expect(runsOf(runs)).toHaveLength(4);
  runs.add(7 * PAGE, PAGE);
  expect(runsOf(runs)).toEqual([[7 * PAGE, PAGE]]);
});
