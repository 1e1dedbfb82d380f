import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { ACTIVITY_CHECKING, ACTIVITY_IDLE, Counters } from '../../src/thread/counters.js';
import { HangWatch } from '../../src/thread/hang-watch.js';

/** ms; a check that takes longer hangs, and a method after twice that. */
const TIMEOUT = 1000;

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

/** Rows 1 and 2 share a thread. `wait` lets ms pass, and gives who was named meanwhile. */
function watched() {
  const counters = Counters.allocate(4);
  const named: { row: number; coding: boolean }[] = [];
  const together = (row: number): readonly number[] => (row === 1 || row === 2 ? [1, 2] : [row]);
  const watch = new HangWatch(counters, TIMEOUT, together, (row, coding) => named.push({ row, coding }));
  const wait = (ms: number) => {
    vi.advanceTimersByTime(ms);
    return named.splice(0);
  };
  return { counters, wait, close: () => watch.close() };
}

describe('a plug-in that does not come back', () => {
  it('is named, with what it does', () => {
    const { counters, wait, close } = watched();
    counters.row(3).heartbeat(ACTIVITY_CHECKING);
    expect(wait(TIMEOUT)).toEqual([]);
    expect(wait(TIMEOUT)).toContainEqual({ row: 3, coding: false });
    counters.row(3).coding(0x10);
    expect(wait(2 * TIMEOUT)).toEqual([]);
    expect(wait(TIMEOUT)).toContainEqual({ row: 3, coding: true });
    close();
    expect(wait(9 * TIMEOUT)).toEqual([]);
  });

  it('in a shared thread: the one that ran last, not one that stands since before', () => {
    const { counters, wait } = watched();
    counters.row(1).heartbeat(ACTIVITY_CHECKING);
    expect(wait(0.8 * TIMEOUT)).toEqual([]);
    counters.row(2).coding(0x10);
    // The first one's limit is over by far.
    expect(wait(1.9 * TIMEOUT)).toEqual([]);
    expect(new Set(wait(TIMEOUT).map(({ row }) => row))).toEqual(new Set([2]));
  });

  it('in a shared thread that goes on: the one whose answer does not come', () => {
    const { counters, wait } = watched();
    counters.row(1).heartbeat(ACTIVITY_CHECKING);
    const named: { row: number; coding: boolean }[] = [];
    for (let time = 0; time < 2 * TIMEOUT; time += TIMEOUT / 10) {
      counters.row(2).coding(0x10);
      named.push(...wait(TIMEOUT / 10));
    }
    expect(named[0]).toEqual({ row: 1, coding: false });
    expect(named.every(({ row }) => row === 1)).toBe(true);
  });

  it('who waits for other things is never named', () => {
    const { counters, wait } = watched();
    counters.row(1).heartbeat(ACTIVITY_IDLE);
    counters.row(2).coding(0x10);
    counters.row(2).idle();
    expect(wait(9 * TIMEOUT)).toEqual([]);
  });
});
