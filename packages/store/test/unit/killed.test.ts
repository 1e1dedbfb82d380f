import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { createRandom, testSeed } from '@multifd/testing/random';
import { expect, it } from 'vitest';
import { collectGarbage, verifyStore } from '../../dist/index.js';
import { tempStore } from '../support/folder.js';

const WRITER = new URL('../fixtures/write-snapshots.mjs', import.meta.url).pathname;
const KILLS = 6;

it('a writer and a gc that are killed at any moment leave a store that is whole', async () => {
  const seed = testSeed();
  const random = createRandom(seed);
  const { store, directory } = await tempStore();
  const there = new Set<string>();
  for (let kill = 0; kill < KILLS; kill++) {
    const child = spawn(process.execPath, [WRITER, directory, `${kill}`], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const ended = once(child, 'close');
    let isBeing = '';
    const lines = createInterface({ input: child.stdout });
    lines.on('line', (line) => {
      if (line.startsWith('-')) there.delete(line.slice(1));
      else there.add(line);
      isBeing = line;
    });
    // Not before it writes: the first of them loads everything.
    await Promise.race([once(lines, 'line'), ended]);
    await sleep(random.int(600));
    expect(child.exitCode, `seed ${seed}: it ended by itself after ${isBeing}`).toBeNull();
    child.kill('SIGKILL');
    await ended;
    const { faults, broken } = await verifyStore(store);
    expect({ faults, broken }, `seed ${seed}, kill ${kill}`).toEqual({ faults: [], broken: [] });
    // The last lines may not have been read: one more may be there, and one that was to be removed may be gone.
    const names = new Set(await store.names());
    const missing = [...there].filter((name) => !names.has(name));
    expect(missing.length, `seed ${seed}, kill ${kill}: ${missing}`).toBeLessThanOrEqual(1);
    for (const name of missing) there.delete(name);
    for (const name of names) there.add(name);
  }
  await collectGarbage(store);
  const { faults } = await verifyStore(store);
  expect(faults).toEqual([]);
  // Leases and unfinished objects of the dead are gone.
  expect(readdirSync(join(directory, 'leases'))).toEqual([]);
  expect(readdirSync(join(directory, 'partial'))).toEqual([]);
});
