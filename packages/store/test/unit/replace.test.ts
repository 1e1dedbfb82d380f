import { readdirSync, truncateSync } from 'node:fs';
import { join } from 'node:path';
import { createRandom } from '@multifd/testing/random';
import { describe, expect, it } from 'vitest';
import { DiskObjects, SnapshotWriter, Store } from '../../dist/index.js';
import { tempDirectory, tempStore } from '../support/folder.js';
import { BLOCKS, expectSame, PAGE, save, TestGuest } from '../support/guest.js';

function guestOf(seed: number): TestGuest {
  const guest = new TestGuest();
  guest.write(0, 0, createRandom(seed).bytes(PAGE));
  return guest;
}

const YOUNGER = {
  code: 'usage',
  message: expect.stringMatching(/#name: another writer has taken the name since this one began$/),
};

describe('of two that may replace a name, the later one', () => {
  it.each([
    ['nothing', false],
    ['something', true],
  ])('fails, where %s was', async (_, isThere) => {
    const { objects, store } = await tempStore();
    if (isThere) await save(store, 'name', guestOf(1));
    const options = { blocks: BLOCKS, replace: true };
    const [one, other] = [
      await SnapshotWriter.begin(store, 'name', options),
      await SnapshotWriter.begin(store, 'name', options),
    ];
    await one.write(guestOf(2).atRest);
    await one.close();
    await expect(other.write(guestOf(3).atRest)).rejects.toMatchObject(YOUNGER);
    await other.withdraw();
    await other.close();
    await expectSame(objects, 'name', guestOf(2));
  });

  it('need not begin, if it has looked before', async () => {
    const { objects, store } = await tempStore();
    await save(store, 'name', guestOf(1));
    const before = await store.holder('name');
    await save(store, 'name', guestOf(2), true);
    for (const old of [before ?? '', null]) {
      const options = { blocks: BLOCKS, replace: true, before: old };
      await expect(SnapshotWriter.begin(store, 'name', options)).rejects.toMatchObject(YOUNGER);
    }
    await expectSame(objects, 'name', guestOf(2));
    expect(await objects.list('leases/')).toEqual([]);
  });
});

it('a name that was taken away meanwhile is free, and what is damaged can be replaced', async () => {
  const { objects, store, directory } = await tempStore();
  await save(store, 'name', guestOf(1));
  truncateSync(join(directory, 'snapshots', 'name'), 60);
  await save(store, 'name', guestOf(2), true);
  const writer = await SnapshotWriter.begin(store, 'name', { blocks: BLOCKS, replace: true });
  await store.remove('name');
  await writer.write(guestOf(3).atRest);
  await writer.close();
  await expectSame(objects, 'name', guestOf(3));
});

describe('a put that takes effect and fails', () => {
  class Failing extends DiskObjects {
    failures = 0;
    override async put(...args: Parameters<DiskObjects['put']>): Promise<boolean> {
      const isOurs = await super.put(...args);
      if (!args[0].startsWith('snapshots/') || this.failures-- <= 0) return isOurs;
      throw new Error('the disk says that it has failed');
    }
  }

  it.each([
    ['is taken back', false, 1],
    ['is taken back, and what it has replaced is there', true, 1],
    ['is taken back when that is tried again', true, 2],
  ])('%s', async (_, isThere, failures) => {
    const objects = new Failing(join(tempDirectory(), 'store'));
    const store = await Store.openOrMake(objects);
    if (isThere) await save(store, 'name', guestOf(1));
    const writer = await SnapshotWriter.begin(store, 'name', { blocks: BLOCKS, replace: isThere });
    objects.failures = failures;
    await expect(writer.write(guestOf(2).atRest)).rejects.toThrow(/has failed/);
    await writer.withdraw();
    await writer.close();
    if (isThere) await expectSame(objects, 'name', guestOf(1));
    else expect(await store.names()).toEqual([]);
  });
});

it('a lease that seemed to be lost is given back, too', async () => {
  const { objects, store, directory } = await tempStore();
  class Beside extends DiskObjects {
    isArmed = false;
    override async get(...args: Parameters<DiskObjects['get']>) {
      // As if the lease had been away for a moment.
      if (!this.isArmed || !args[0].startsWith('leases/')) return super.get(...args);
      this.isArmed = false;
      return undefined;
    }
  }
  const beside = new Beside(directory);
  const writer = await SnapshotWriter.begin(await Store.open(beside), 'name', { blocks: BLOCKS });
  beside.isArmed = true;
  await writer.write(guestOf(4).atRest);
  await writer.close();
  expect(readdirSync(join(directory, 'leases'))).toEqual([]);
  await expectSame(objects, 'name', guestOf(4));
  expect(await store.names()).toEqual(['name']);
});
