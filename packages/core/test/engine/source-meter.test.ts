import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { SourceMeter } from '../../src/engine/source/source-meter.js';
import { DirtyBitmap } from '../../src/ram/dirty-bitmap.js';
import { Counters } from '../../src/thread/counters.js';
import { createGuestRam, MIB } from '../support/ram.js';

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['performance'] });
});
afterEach(() => {
  vi.useRealTimers();
});

const ROUND = { dirtySyncCount: 2, dirtyPages: 500, sentPages: 250, duration: 500, bytes: 10 ** 6 };

function measured() {
  const ram = createGuestRam({ seed: 1, blocks: [{ name: 'pc.ram', length: MIB }], live: false });
  const counters = Counters.allocate(3);
  const dirty = DirtyBitmap.allocate(256);
  return { counters, dirty, meter: new SourceMeter(ram, counters, new Set([dirty])) };
}

describe("numbers under QEMU's names", () => {
  it('rates of a completed migration are over its time without the setup', () => {
    const { counters, meter } = measured();
    vi.advanceTimersByTime(3000);
    meter.setupOver();
    meter.roundOver({ ...ROUND, expectedDowntime: 20, stalled: false });
    vi.advanceTimersByTime(1500);
    meter.guestStops();
    vi.advanceTimersByTime(500);
    counters.row(0).addBytes(1_000_000);
    counters.row(1).addBytes(3_000_000);
    counters.row(2).addBytes(6_000_000);
    counters.row(1).addPages(100, 28);
    counters.row(2).addPages(60, 68);
    meter.completed();
    vi.advanceTimersByTime(9999);
    expect(meter.read()).toMatchObject({
      totalTime: 5000,
      setupTime: 3000,
      downtime: 500,
      total: MIB,
      remaining: 0,
      transferred: 10_000_000,
      precopyBytes: 0,
      downtimeBytes: 1_000_000,
      multifdBytes: 9_000_000,
      normal: 160,
      normalBytes: 160 * 4096,
      zeroPages: 96,
      pageSize: 4096,
      dirtySyncCount: 2,
      // Nobody is there any more who could dirty anything.
      dirtyPagesRate: 0,
      mbps: 40,
      pagesPerSecond: 128,
      // Nothing is known of its parts before the migration thread has told.
      downtimeParts: undefined,
    });
  });

  it('what is left is never more than the guest has, also if a page stands in two bitmaps', () => {
    const ram = createGuestRam({ seed: 1, blocks: [{ name: 'pc.ram', length: MIB }], live: false });
    const both = [DirtyBitmap.allocate(256), DirtyBitmap.allocate(256)];
    for (const bitmap of both) bitmap.markAll();
    expect(new SourceMeter(ram, Counters.allocate(1), new Set(both)).read().remaining).toBe(MIB);
  });

  it('while it runs they are of the last round, and before the first since the setup', () => {
    const { counters, dirty, meter } = measured();
    vi.advanceTimersByTime(1000);
    expect(meter.read()).toMatchObject({ setupTime: 1000, mbps: 0, pagesPerSecond: 0, downtime: undefined });
    meter.setupOver();
    vi.advanceTimersByTime(1000);
    counters.row(1).addBytes(10 ** 6);
    counters.row(1).addPages(10, 20);
    dirty.mark(3);
    expect(meter.read()).toMatchObject({
      totalTime: 2000,
      setupTime: 1000,
      mbps: 8,
      pagesPerSecond: 30,
      remaining: 4096,
      expectedEnd: 1000 / 30,
    });
    meter.roundOver({ ...ROUND, expectedDowntime: 20, stalled: false });
    expect(meter.read()).toMatchObject({
      // The guest dirties more than is sent.
      expectedEnd: undefined,
      mbps: 16,
      pagesPerSecond: 500,
      dirtyPagesRate: 1000,
      expectedDowntime: 20,
    });
  });
});
