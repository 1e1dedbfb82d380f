import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { createRandom, testSeed } from '@multifd/testing/random';
import { expect, it } from 'vitest';
import { collectGarbage, SnapshotWriter, verifyStore } from '../../dist/index.js';
import { packsOf, tempStore } from '../support/folder.js';
import { BLOCKS, TestGuest } from '../support/guest.js';

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

it('a writer that is given up while it stores packs leaves nothing that is not finished', async () => {
  const { store, directory } = await tempStore();
  const guest = new TestGuest();
  guest.write(0, 0, createRandom(1).bytes(40 * 65_536));
  // Somebody else's, who goes on.
  await store.objects.put('packs/aa/x', [new Uint8Array(1)]);
  const partial = join(directory, 'partial');
  const other = join(partial, '1-0123456789abcdef');
  writeFileSync(other, '');
  for (let each = 0; each < 20; each++) {
    const abort = new AbortController();
    const writer = await SnapshotWriter.begin(store, `s${each}`, { blocks: BLOCKS, signal: abort.signal });
    let isOver = false;
    const written = writer
      .write(guest.atRest)
      .catch(() => {})
      .finally(() => {
        isOver = true;
      });
    // From the moment on when something is being written.
    while (!isOver && readdirSync(partial).length < 2) await sleep(1);
    abort.abort();
    await writer.close();
    await written;
    expect(readdirSync(partial)).toEqual(['1-0123456789abcdef']);
    for (const pack of packsOf(directory)) rmSync(pack);
    if ((await store.names()).includes(`s${each}`)) await store.remove(`s${each}`);
  }
});
