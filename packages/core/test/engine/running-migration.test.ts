import {
  DirtyBitmap,
  type MigrateOptions,
  type Migrating,
  type ReceiveResult,
  receive,
  startMigration,
} from '@multifd/core';
import { testSeed } from '@multifd/testing/random';
import { describe, expect, it } from 'vitest';
import { PLAIN } from '../support/fixtures.js';
import { expectFailure, inTime, outcomeOf } from '../support/outcome.js';
import { createGuestRam, expectSameRam } from '../support/ram.js';

const seed = testSeed();

interface Running {
  readonly migration: Migrating;
  readonly received: Promise<ReceiveResult>;
}

async function start(options: Omit<MigrateOptions, 'to'>): Promise<Running> {
  const incoming = await receive({ listen: 'tcp:127.0.0.1:0', pageSize: options.guest.ram.pageSize });
  const migration = await startMigration({ accelerator: PLAIN, ...options, to: incoming.address });
  return { migration, received: incoming.result };
}

describe(`a hold on a running migration (MULTIFD_SEED=${seed})`, () => {
  it('max-bandwidth is lifted while every channel waits for its turn', async () => {
    const ram = createGuestRam({ seed, fill: (page, index) => page.fill(index + 1) });
    // The first write of each channel alone would wait for hours.
    const { migration, received } = await start({ guest: { ram }, parameters: { maxBandwidth: 100 } });
    await until(() => migration.statistics().transferred > 0);
    migration.setParameters({ maxBandwidth: 0 });
    const sent = await inTime(migration.result, 'migrate');
    expect(migration.statistics()).toEqual(sent.statistics);
    expectSameRam((await received).ram, ram);
  });

  it('downtime-limit is raised for a guest that never stands still', async () => {
    const ram = createGuestRam({ seed, live: true, fill: (page, index) => page.fill(index + 1) });
    const dirty = new DirtyBitmap(ram.dirty?.[0] ?? new SharedArrayBuffer(0), 2048);
    const calls: string[] = [];
    const guest = {
      ram,
      syncDirty: () => {
        if (!calls.includes('stop')) dirty.markAll();
      },
      stop: () => {
        calls.push('stop');
      },
    };
    const { migration, received } = await start({ guest, parameters: { downtimeLimit: 0 } });
    await until(() => migration.statistics().dirtySyncCount >= 6);
    expect(calls).toEqual([]);
    migration.setParameters({ downtimeLimit: 2_000_000 });
    await inTime(migration.result, 'migrate');
    expectSameRam((await received).ram, ram);
  });

  it('is cancelled by it', async () => {
    const ram = createGuestRam({ seed, fill: (page, index) => page.fill(index + 1) });
    const { migration, received } = await start({ guest: { ram }, parameters: { maxBandwidth: 100 } });
    received.catch(() => {});
    await until(() => migration.statistics().transferred > 0);
    migration.cancel();
    expectFailure(await outcomeOf(migration.result, 'migrate'), 'cancelled');
  });

  it('refuses what cannot be changed, and changes nothing then', async () => {
    const ram = createGuestRam({ seed, fill: (page, index) => page.fill(index + 1) });
    const { migration, received } = await start({ guest: { ram }, parameters: { maxBandwidth: 100 } });
    received.catch(() => {});
    await until(() => migration.statistics().transferred > 0);
    const wrong: readonly (readonly [string, Record<string, number>])[] = [
      ['multifdChannels', { maxBandwidth: 0, multifdChannels: 3 }],
      ['downtimeLimit', { maxBandwidth: 0, downtimeLimit: -1 }],
      ['maxBandwidth', { maxBandwidth: 0.5, downtimeLimit: 3 }],
    ];
    for (const [name, changes] of wrong) {
      expect(() => migration.setParameters(changes)).toThrow(
        expect.objectContaining({
          code: 'usage',
          message: expect.stringContaining(name),
        }),
      );
    }
    await new Promise((resolve) => setTimeout(resolve, 300));
    // At 100 bytes a second no page has left yet.
    expect(migration.statistics().transferred).toBeLessThan(4096);
    migration.cancel();
    expectFailure(await outcomeOf(migration.result, 'migrate'), 'cancelled');
  });
});

async function until(holds: () => boolean): Promise<void> {
  const end = performance.now() + 60_000;
  while (!holds()) {
    if (performance.now() > end) throw new Error('it did not come to that within a minute');
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
