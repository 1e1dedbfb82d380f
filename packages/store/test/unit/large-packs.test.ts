import { mkdirSync, truncateSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { createRandom } from '@multifd/testing/random';
import { expect, it } from 'vitest';
import { DiskObjects, mirrorSnapshot, openSnapshot, Store, verifyStore } from '../../dist/index.js';
import { digest } from '../../src/format/hash.js';
import { CHUNK_SIZE } from '../../src/format/layout.js';
import { packKey } from '../../src/format/names.js';
import { PackIndex } from '../../src/format/pack-index.js';
import { RunWriter } from '../../src/format/runs.js';
import { encodeSnapshot } from '../../src/format/snapshot.js';
import { tempDirectory, tempStore } from '../support/folder.js';
import { save, TestGuest } from '../support/guest.js';

/** No more than that is asked for at a time. */
const PIECE = 17 * 2 ** 20;

/** Counts what is in memory of a pack. */
class Watched extends DiskObjects {
  most = 0;

  override async get(...args: Parameters<DiskObjects['get']>) {
    const bytes = await super.get(...args);
    if (args[0].startsWith('packs/')) this.most = Math.max(this.most, bytes?.length ?? 0);
    return bytes;
  }

  override async read(...args: Parameters<DiskObjects['read']>) {
    const found = await super.read(...args);
    this.most = Math.max(this.most, found?.bytes.length ?? 0);
    return found;
  }
}

it('a pack that is larger than ours is read in pieces', async () => {
  const { directory, objects } = await tempStore();
  // 25 MiB that cannot be compressed.
  const chunks = Array.from({ length: 400 }, (_, seed) => createRandom(seed).bytes(CHUNK_SIZE));
  const index = PackIndex.of(
    chunks.map((chunk) => ({ hash: digest(chunk), stored: CHUNK_SIZE, length: CHUNK_SIZE })),
  );
  await objects.put(packKey(index.id), [index.bytes, ...chunks]);
  const runs = new RunWriter();
  for (const chunk of chunks.keys()) runs.add(1, chunk);
  const { bytes } = encodeSnapshot({
    head: {
      machineType: 'none',
      uuid: null,
      time: new Date().toISOString(),
      parent: null,
      pageSize: 4096,
      targetPageBits: null,
      content: 0,
      added: 0,
      stored: 0,
    },
    blocks: [{ name: 'pc.ram', size: chunks.length * CHUNK_SIZE, runs: runs.bytes }],
    packs: [index.id],
    devices: { early: new Uint8Array(0), bytes: Uint8Array.of(0) },
    described: false,
  });
  await objects.put('snapshots/a', [bytes]);

  const watched = new Watched(directory);
  const store = await Store.open(watched);
  const verified = await verifyStore(store);
  expect(verified).toMatchObject({ chunks: 400, bytes: index.size + bytes.length, faults: [], broken: [] });
  const local = new DiskObjects(tempDirectory());
  await mirrorSnapshot(store, 'a', local);
  const copy = await local.get(packKey(index.id), index.size);
  expect(Buffer.compare(copy ?? new Uint8Array(0), Buffer.concat([index.bytes, ...chunks]))).toBe(0);
  expect(watched.most).toBeGreaterThan(16 * 2 ** 20);
  expect(watched.most).toBeLessThanOrEqual(PIECE);
});

it('of one that is much larger than it can be only the beginning is read', async () => {
  const { directory, store } = await tempStore();
  const chunk = Buffer.alloc(64, 'x');
  const index = PackIndex.of([{ hash: digest(chunk), stored: 64, length: 64 }]);
  const path = join(directory, packKey(index.id));
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, Buffer.concat([index.bytes, chunk]));
  truncateSync(path, 2 ** 31 - 1);
  const watched = new Watched(directory);
  const { faults } = await verifyStore(await Store.open(watched));
  expect(faults).toEqual([
    expect.stringMatching(/is damaged: it has 2147483647 bytes, and its index says 120/),
  ]);
  expect(watched.most).toBeLessThanOrEqual(65_536);
  expect(await store.names()).toEqual([]);
});

it('a snapshot that is longer than its head announces: nobody reads all of it', async () => {
  const { store, directory, objects } = await tempStore();
  const guest = new TestGuest();
  guest.write(0, 0, createRandom(16).bytes(4096));
  const { size } = await save(store, 'a', guest);
  truncateSync(join(directory, 'snapshots', 'a'), 2 ** 31 - 1);
  let most = 0;
  class Counting extends DiskObjects {
    override async get(key: string, limit: number) {
      const bytes = await super.get(key, limit);
      most = Math.max(most, bytes?.length ?? 0);
      return bytes;
    }
  }
  const told = new RegExp(`is damaged: it has 2147483647 bytes, and its head announces ${size}`);
  const counting = await Store.open(new Counting(directory));
  await expect(counting.snapshot('a')).rejects.toThrow(told);
  await expect(mirrorSnapshot(counting, 'a', new DiskObjects(tempDirectory()))).rejects.toThrow(told);
  expect(() => openSnapshot(objects, 'a')).toThrow(told);
  await store.remove('a');
  expect(most).toBeLessThan(65_536);
});
