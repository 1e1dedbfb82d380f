import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, it } from 'vitest';
import { ACTIVITY_CHECKING, ACTIVITY_IDLE, Counters } from '../../src/thread/counters.js';
import { HangWatch } from '../../src/thread/hang-watch.js';

/** ms; a check that takes longer hangs, and a method after twice that. */
const TIMEOUT = 80;

const watches: HangWatch[] = [];
afterEach(() => {
  for (const watch of watches.splice(0)) watch.close();
});

/** Rows 1 and 2 share a thread. */
function watched() {
  const counters = Counters.allocate(4);
  const named: { row: number; coding: boolean }[] = [];
  const together = (row: number): readonly number[] => (row === 1 || row === 2 ? [1, 2] : [row]);
  watches.push(new HangWatch(counters, TIMEOUT, together, (row, coding) => named.push({ row, coding })));
  return { counters, named };
}

async function until(done: () => boolean): Promise<void> {
  while (!done()) await sleep(5);
}

describe('a plug-in that does not come back', () => {
  it('is named, with what it does', async () => {
    const { counters, named } = watched();
    counters.row(3).heartbeat(ACTIVITY_CHECKING);
    await until(() => named.length > 0);
    expect(named[0]).toEqual({ row: 3, coding: false });
  });

  it('in a shared thread: the one that ran last, not one that stands since before', async () => {
    const { counters, named } = watched();
    counters.row(1).heartbeat(ACTIVITY_CHECKING);
    // Long enough that both are not seen to stop in one look.
    await sleep(TIMEOUT);
    counters.row(2).coding(0x10);
    await until(() => named.length > 0);
    expect(named[0]).toEqual({ row: 2, coding: true });
  });

  it('in a shared thread that goes on: the one whose answer does not come', async () => {
    const { counters, named } = watched();
    counters.row(1).heartbeat(ACTIVITY_CHECKING);
    await until(() => {
      counters.row(2).coding(0x10);
      return named.length > 0;
    });
    expect(named[0]).toEqual({ row: 1, coding: false });
  });

  it('who waits for other things is never named', async () => {
    const { counters, named } = watched();
    counters.row(1).heartbeat(ACTIVITY_IDLE);
    counters.row(3).heartbeat(ACTIVITY_CHECKING);
    await until(() => named.length > 0);
    expect(named.every(({ row }) => row === 3)).toBe(true);
  });
});
