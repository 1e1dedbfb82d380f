import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createRandom } from '@multifd/testing/random';
import { describe, expect, it } from 'vitest';
import { DiskObjects, Store, verifyStore } from '../../dist/index.js';
import { packsOf, tempDirectory, tempStore } from '../support/folder.js';
import { expectSame, PAGE, save, TestGuest } from '../support/guest.js';

const random = (seed: number, length: number) => createRandom(seed).bytes(length);

/** A store in which a gc of another machine takes a writer for dead in the middle of it. */
class WithForeignGc extends DiskObjects {
  isArmed = false;
  /** Whether it removes the packs, too. */
  removes = false;

  override async put(...args: Parameters<DiskObjects['put']>): Promise<boolean> {
    const isOurs = await super.put(...args);
    if (!this.isArmed || !args[0].startsWith('snapshots/')) return isOurs;
    this.isArmed = false;
    for (const { key } of await this.list('leases/')) await this.delete(key);
    if (this.removes) for (const { key } of await this.list('packs/')) await this.delete(key);
    return isOurs;
  }
}

describe('a writer that a gc took for dead', () => {
  const setUp = async (removes: boolean) => {
    const objects = new WithForeignGc(join(tempDirectory(), 'store'));
    const store = await Store.openOrMake(objects);
    const guest = new TestGuest();
    guest.write(0, 0, random(20, 3 * 65_536));
    objects.removes = removes;
    return { objects, store, guest };
  };

  it('keeps its snapshot if all packs are there', async () => {
    const { objects, store, guest } = await setUp(false);
    objects.isArmed = true;
    await save(store, 'a', guest);
    await expectSame(objects, 'a', guest);
    expect(await objects.list('leases/')).toEqual([]);
  });

  it('takes it back if not', async () => {
    const { objects, store, guest } = await setUp(true);
    objects.isArmed = true;
    await expect(save(store, 'a', guest)).rejects.toThrow(/took this process for dead, and removed/);
    expect(await store.names()).toEqual([]);
    await save(store, 'a', guest);
    // What was to be replaced has lost its packs, too: it does not come back.
    objects.isArmed = true;
    await expect(save(store, 'a', guest, true)).rejects.toThrow(/took this process for dead, and removed/);
    expect(await store.names()).toEqual([]);
    expect(await objects.list('leases/')).toEqual([]);
  });
});

it('verify reads packs that are stored while it runs', async () => {
  const { store, directory } = await tempStore();
  const guest = new TestGuest();
  guest.write(0, 0, random(21, PAGE));
  await save(store, 'a', guest);
  class Early extends DiskObjects {
    override async list(prefix: string) {
      return prefix === 'packs/' ? [] : super.list(prefix);
    }
  }
  const verified = await verifyStore(await Store.open(new Early(directory)));
  expect(verified).toMatchObject({ packs: 1, faults: [], broken: [] });
});

it('verify says that a snapshot is broken if it needs a chunk that is damaged, and no other', async () => {
  const { store, directory, objects } = await tempStore();
  const guest = new TestGuest();
  guest.write(0, 0, random(22, 2 * 65_536));
  await save(store, 'both', guest);
  // So few chunks go to one thread, and into one pack.
  const [pack = '', ...others] = packsOf(directory);
  expect(others).toEqual([]);
  guest.write(0, 65_536, new Uint8Array(65_536));
  await save(store, 'first', guest);
  const bytes = readFileSync(pack);
  bytes.writeUInt8(bytes.readUInt8(bytes.length - 1) ^ 1, bytes.length - 1);
  writeFileSync(pack, bytes);
  const { faults, broken } = await verifyStore(store);
  expect(faults[0]).toMatch(/is damaged: the bytes of chunk 1 have another hash/);
  expect(broken).toEqual(['both']);
  await expectSame(objects, 'first', guest);
});
