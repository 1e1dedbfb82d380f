import {
  allocateGuestRam,
  DirtyBitmap,
  openRamBlockSync,
  receive,
  type SourceEvent,
  startMigration,
  withDirtyBitmaps,
} from '@multifd/core';
import { testSeed } from '@multifd/testing/random';
import { afterEach, describe, expect, it } from 'vitest';
import { PLAIN } from '../support/fixtures.js';
import { host } from '../support/host.js';
import { expectFailure, inTime } from '../support/outcome.js';
import { move, tryToMove } from '../support/pair.js';
import { createGuestRam, expectSameRam, GIB, MIB, windowOf } from '../support/ram.js';
import { type RunningGuest, startGuest } from '../support/vcpu.js';

const seed = testSeed();
const started: RunningGuest[] = [];

async function start(length: number, burst: number): Promise<RunningGuest> {
  const running = await startGuest(length, burst, seed);
  started.push(running);
  return running;
}

afterEach(async () => {
  await Promise.all(started.splice(0).map((running) => running.end()));
});

describe(`a guest that runs while it migrates (MULTIFD_SEED=${seed})`, () => {
  for (const zeroPageDetection of ['multifd', 'legacy', 'none'] as const) {
    for (const multifdFlushAfterEachSection of [false, true]) {
      it(`${zeroPageDetection}, sync with each section: ${multifdFlushAfterEachSection}`, async () => {
        const running = await start(32 * MIB, 20);
        const { sent, received } = await move({
          guest: running.guest,
          parameters: { zeroPageDetection, multifdFlushAfterEachSection, multifdChannels: 3 },
        });
        expect(running.calls).toEqual(['stop']);
        expect(running.writes()).toBeGreaterThan(0);
        // Setup, two rounds of the running guest at least, and the last.
        expect(sent.statistics.dirtySyncCount).toBeGreaterThanOrEqual(4);
        expect(sent.statistics.normal + sent.statistics.zeroPages).toBeGreaterThan(8192);
        expect(sent.statistics.downtime).toBeGreaterThan(0);
        expect(received.statistics.normal).toBe(sent.statistics.normal);
        expect(new DirtyBitmap(running.guest.ram.dirty?.[0] ?? new SharedArrayBuffer(4), 8192).count()).toBe(
          0,
        );
      });
    }
  }

  /** Writes at each look at the dirty bitmap, so that each page's history over the rounds is known. */
  it.each(['multifd', 'legacy', 'none'] as const)('pages with a history, %s', async (zeroPageDetection) => {
    const ram = createGuestRam({
      seed,
      live: true,
      fill: (page, index) => page.fill(index % 2 === 0 ? 0 : 0x55),
    });
    const dirty = new DirtyBitmap(ram.dirty?.[0] ?? new SharedArrayBuffer(0), 2048);
    const [descriptor] = ram.blocks;
    if (descriptor === undefined) throw new Error('no block');
    const block = openRamBlockSync(descriptor);
    let round = 0;
    const rewrite = (): void => {
      round++;
      for (let page = 0; page < 2048; page += 3) {
        const target = windowOf(block, page * 4096, 4096);
        // Zero-then-data, data-then-zero, zero twice, data twice, by page and round.
        if (((page >>> 1) + round) % 2 === 0) target.fill(0);
        else target.fill(round, page % 4096);
        dirty.mark(page);
      }
    };
    const { sent } = await move({
      guest: { ram, syncDirty: rewrite },
      parameters: { zeroPageDetection, downtimeLimit: 2_000_000 },
    });
    expect(round).toBeGreaterThanOrEqual(3);
    // The last look but one and that of `stop` write to the same pages, which are sent once.
    expect(sent.statistics.normal + sent.statistics.zeroPages).toBe(2048 + (round - 1) * 683);
  });

  it('a guest whose writes only a log tells of is not stopped while that is long', async () => {
    const ram = createGuestRam({ seed, live: true });
    const dirty = new DirtyBitmap(ram.dirty?.[0] ?? new SharedArrayBuffer(0), 2048);
    let looks = 0;
    let stoppedAfter = 0;
    const { sent } = await move({
      guest: {
        ram,
        // Three rounds long much is written, then nothing any more.
        syncDirty: () => void (++looks <= 3 && dirty.markRange(0, 1024)),
        stop: () => {
          stoppedAfter = looks;
        },
      },
      // 4 MiB at 64 MiB a second are 60 ms and more.
      parameters: { maxBandwidth: 64 * MIB, downtimeLimit: 20 },
    });
    expect(stoppedAfter).toBe(4);
    expect(sent.statistics.dirtySyncCount).toBe(6);
  });

  it('a guest that dirties faster than the line: stalled is said, and it can be cancelled', async () => {
    const running = await start(16 * MIB, 400);
    const cancel = new AbortController();
    const stalled = Promise.withResolvers<SourceEvent>();
    const moving = tryToMove({
      guest: running.guest,
      parameters: { maxBandwidth: 16 * MIB, downtimeLimit: 1 },
      source: {
        signal: cancel.signal,
        onEvent: (event) => event.type === 'stalled' && stalled.resolve(event),
      },
    });
    const event = await inTime(stalled.promise, 'the stalled event');
    cancel.abort();
    const outcome = await moving;
    expectFailure(outcome.sent, 'cancelled');
    expectFailure(outcome.received, 'peer-closed');
    expect(running.calls).toEqual([]);
    expect(running.isStopped()).toBe(false);
    if (event.type !== 'stalled') throw new Error('another event');
    expect(event.statistics.expectedDowntime).toBeGreaterThan(1);
    expect(event.statistics.dirtyPagesRate).toBeGreaterThan(0);
    // The same guest, still running, goes elsewhere at once.
    await move({ guest: running.guest, parameters: { downtimeLimit: 5000 } });
    expect(running.calls).toEqual(['stop']);
  });

  it('a guest that has arrived writes there and moves on, without a byte lost', async () => {
    const running = await start(16 * MIB, 20);
    const { received } = await move({ guest: running.guest });
    const ram = withDirtyBitmaps(received.ram);
    const [descriptor] = ram.blocks;
    if (descriptor === undefined) throw new Error('no block');
    const block = openRamBlockSync(descriptor);
    const dirty = new DirtyBitmap(ram.dirty[0] ?? new SharedArrayBuffer(0), 4096);
    let writes = 0;
    // Behind the round that has sent these pages.
    const write = (): void => {
      windowOf(block, 4096 * 7, 4096).fill(++writes);
      dirty.mark(7);
    };
    const { sent } = await move({ guest: { ram, syncDirty: write, stop: write } });
    expect(writes).toBeGreaterThanOrEqual(2);
    expect(sent.statistics.normal + sent.statistics.zeroPages).toBeGreaterThan(4096);
  });

  it('downtime-limit: rounds go on until what is left fits into it', async () => {
    const running = await start(16 * MIB, 10);
    const { sent } = await move({ guest: running.guest, parameters: { downtimeLimit: 400 } });
    expect(sent.statistics.expectedDowntime).toBeLessThanOrEqual(400);
  });

  it.each(['multifd', 'legacy'] as const)(
    'max-bandwidth is kept over any second, by all channels together, %s',
    async (zeroPageDetection) => {
      const ram = createGuestRam({
        seed,
        fill: (page) => page.fill(0x77),
        blocks: [{ name: 'pc.ram', length: 40 * MIB }],
      });
      const maxBandwidth = 16 * MIB;
      const incoming = await receive({ listen: 'tcp:127.0.0.1:0', parameters: { multifdChannels: 4 } });
      const migration = await startMigration({
        guest: { ram },
        to: incoming.address,
        accelerator: PLAIN,
        ...host,
        parameters: { maxBandwidth, zeroPageDetection, multifdChannels: 4 },
      });
      const samples: { readonly at: number; readonly bytes: number }[] = [];
      // The bytes first: a pause behind that makes the interval longer, and the rate lower than it was.
      const sample = (): void => {
        const { transferred: bytes } = migration.statistics();
        samples.push({ at: performance.now(), bytes });
      };
      const sampling = setInterval(sample, 20);
      try {
        await inTime(migration.result, 'migrate');
        expectSameRam((await incoming.result).ram, ram);
      } finally {
        clearInterval(sampling);
      }
      const rates = samples.flatMap((first, index) => {
        const second = samples.slice(index).find(({ at }) => at - first.at >= 1000);
        return second === undefined ? [] : [((second.bytes - first.bytes) * 1000) / (second.at - first.at)];
      });
      expect(rates.length).toBeGreaterThan(10);
      expect(Math.max(...rates) / maxBandwidth).toBeLessThan(1.05);
    },
  );
});

describe('a block beyond 4 GiB', () => {
  it('8 GiB, untouched but for a few pages', async () => {
    const big = allocateGuestRam([
      { name: 'pc.ram', length: 8 * GIB },
      { name: 'small', length: 65536 },
    ]);
    const [descriptor] = big.blocks;
    if (descriptor === undefined) throw new Error('no block');
    const block = openRamBlockSync(descriptor);
    for (const offset of [0, 4 * GIB - 4096, 4 * GIB, 5 * GIB, 8 * GIB - 4096]) {
      block.write(offset + 1, Uint8Array.of(offset / GIB + 1));
    }
    const before = process.memoryUsage.rss();
    const { sent, received } = await move({
      guest: { ram: { pageSize: 4096, blocks: big.blocks } },
      limit: 110_000,
    });
    expect(sent.statistics.normal).toBe(5);
    expect(sent.statistics.zeroPages).toBe(2 ** 21 - 5 + 16);
    expect(received.statistics.untouchedPages).toBe(2 ** 21 - 5 + 16);
    // The engine's own memory does not grow with the guest, and the zero pages stay untouched on both ends.
    expect(process.memoryUsage.rss() - before).toBeLessThan(GIB);
  }, 120_000);
});
