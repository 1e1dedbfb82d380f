import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { DirtyBitmap } from '@multifd/core';
import { testSeed } from '@multifd/testing/random';
import { describe, expect, test } from 'vitest';
import { chooseTracker, type TrackerKind } from '../src/index.js';
import { requireBinding } from '../src/load.js';
import { built } from './support/addon.js';
import { MIB, openRam, optionsOf, PAGE } from './support/memory.js';
import { CopiedGuest } from './support/migration.js';
import { startOther } from './support/other-process.js';

const LENGTH = 8 * MIB;
const ROUNDS = 60;

/** The state of a process, as `ps` shows it. */
const stateOf = (number: number): string | undefined =>
  readFileSync(`/proc/${number}/stat`, 'utf8').split(') ')[1]?.[0];

async function copyFromOther(kind: TrackerKind, seed: number): Promise<number> {
  const { ram, block, close } = openRam(optionsOf('memfd', LENGTH));
  const other = await startOther(ram, seed);
  try {
    const { tracker } = chooseTracker({
      blocks: [ram.descriptor],
      pageSize: PAGE,
      kind,
      writers: { in: 'other-process', process: other.process, addresses: [other.address] },
    });
    const guest = new CopiedGuest(tracker, [ram.descriptor]);
    for (let round = 0; round < ROUNDS; round++) {
      guest.round();
      await sleep(2);
    }
    const writes = await other.end();
    guest.round();
    expect(guest.lost([block]), `seed ${seed}`).toEqual([]);
    guest.close();
    tracker.close();
    return writes;
  } finally {
    other.kill();
    close();
  }
}

describe.skipIf(!built)('writes of another process', () => {
  test('are not lost with digest', async () => {
    expect(await copyFromOther('digest', testSeed())).toBeGreaterThan(ROUNDS);
  });

  test('are not lost with soft-dirty-process', async (context) => {
    try {
      expect(await copyFromOther('soft-dirty-process', testSeed())).toBeGreaterThan(ROUNDS);
    } catch (error) {
      const lacking = error instanceof Error && /no soft-dirty bits/.test(error.message);
      if (!lacking) throw error;
      context.skip('this kernel has no soft-dirty bits');
    }
  });

  test('soft-dirty-process reads while the process is stopped, and lets it go on (also without the bits)', async () => {
    const { ram, close } = openRam(optionsOf('memfd', LENGTH));
    const other = await startOther(ram, 1);
    const { mapping } = ram.descriptor.handle;
    const { NativeTracker } = requireBinding();
    const plan = {
      mappings: [Number(mapping)],
      pageSize: PAGE,
      process: other.process,
      addresses: [other.address],
    };
    const tracker = new NativeTracker({ kind: 'soft-dirty-process', ...plan, unchecked: true });
    expect(() => new NativeTracker({ kind: 'soft-dirty-process', ...plan, unchecked: true })).toThrow(
      /in use/,
    );
    const dirty = DirtyBitmap.allocate(LENGTH / PAGE);
    for (let round = 0; round < 20; round++) tracker.sync([dirty.words], [dirty.pages]);
    expect(stateOf(other.process)).not.toBe('T');
    // A process that somebody else has stopped stays so.
    process.kill(other.process, 'SIGSTOP');
    while (stateOf(other.process) !== 'T') await sleep(1);
    tracker.sync([dirty.words], [dirty.pages]);
    expect(stateOf(other.process)).toBe('T');
    process.kill(other.process, 'SIGCONT');
    expect(await other.end()).toBeGreaterThan(0);
    await expect
      .poll(() => {
        try {
          tracker.sync([dirty.words], [dirty.pages]);
          return 'still there';
        } catch (error) {
          return error instanceof Error ? error.message : error;
        }
      })
      .toMatch(/process/);
    tracker.close();
    close();
  });
});
