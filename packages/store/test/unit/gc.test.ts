import {
  mkdirSync,
  readdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { createRandom } from '@multifd/testing/random';
import { describe, expect, it } from 'vitest';
import { collectGarbage, SnapshotWriter, verifyStore } from '../../dist/index.js';
import { packsOf, tempDirectory, tempStore } from '../support/folder.js';
import { BLOCKS, expectSame, PAGE, save, TestGuest } from '../support/guest.js';

const random = (seed: number, length: number) => createRandom(seed).bytes(length);

describe('gc', () => {
  it('removes what no snapshot needs', async () => {
    const { objects, store, directory } = await tempStore();
    const guest = new TestGuest();
    guest.write(0, 0, random(9, 8 * 65_536));
    await save(store, 'a', guest);
    guest.write(0, 0, random(10, 8 * 65_536));
    await save(store, 'b', guest);
    expect(await collectGarbage(store)).toMatchObject({ packs: 0 });
    const before = packsOf(directory).length;
    await store.remove('a');
    const { packs, bytes } = await collectGarbage(store);
    expect(packs).toBeGreaterThan(0);
    expect(bytes).toBeGreaterThan(8 * 65_536);
    expect(packsOf(directory)).toHaveLength(before - packs);
    await expectSame(objects, 'b', guest);
    expect((await verifyStore(store)).faults).toEqual([]);
    await expect(store.remove('a')).rejects.toMatchObject({ code: 'usage' });
  });

  it('does not begin while a snapshot is written', async () => {
    const { objects, store } = await tempStore();
    const guest = new TestGuest();
    guest.write(0, 0, random(11, PAGE));
    await save(store, 'a', guest);
    const writer = await SnapshotWriter.begin(store, 'b', { blocks: BLOCKS });
    await store.remove('a');
    await expect(collectGarbage(store)).rejects.toThrow(/in use by a writer of b, process/);
    await writer.write(guest.atRest);
    await writer.close();
    await collectGarbage(store);
    await expectSame(objects, 'b', guest);
  });

  it('removes nothing when a snapshot cannot be read', async () => {
    const { store, directory } = await tempStore();
    const guest = new TestGuest();
    guest.write(0, 0, random(12, PAGE));
    await save(store, 'a', guest);
    truncateSync(join(directory, 'snapshots', 'a'), 100);
    await expect(collectGarbage(store)).rejects.toThrow(/is damaged/);
    expect(packsOf(directory)).toHaveLength(1);
    expect(readdirSync(join(directory, 'leases'))).toEqual([]);
  });

  it.each([
    ['a snapshot under a strange name', 'snapshots/a copy', undefined, /a copy is not a snapshot's name/],
    ['a link to a snapshot', 'snapshots/b', '../elsewhere', /snapshots\/b is neither a file nor a directory/],
    ['a link among packs', 'packs/00', '../snapshots', /packs\/00 is neither a file nor a directory/],
  ])('removes nothing where there is %s', async (_, key, target, message) => {
    const { store, directory } = await tempStore();
    const guest = new TestGuest();
    guest.write(0, 0, random(12, PAGE));
    await save(store, 'a', guest);
    const path = join(directory, key);
    if (target === undefined) renameSync(join(directory, 'snapshots', 'a'), path);
    else symlinkSync(target, path);
    const before = packsOf(directory);
    await expect(collectGarbage(store)).rejects.toThrow(message);
    expect(packsOf(directory)).toEqual(before);
    expect(readdirSync(join(directory, 'leases'))).toEqual([]);
  });

  it('removes no files elsewhere', async () => {
    const { store, directory } = await tempStore();
    const elsewhere = tempDirectory();
    writeFileSync(join(elsewhere, 'file'), '');
    rmSync(join(directory, 'partial'), { recursive: true });
    symlinkSync(elsewhere, join(directory, 'partial'));
    await expect(collectGarbage(store)).rejects.toThrow(/partial is not a directory/);
    expect(readdirSync(elsewhere)).toEqual(['file']);
  });

  it.each(['packs', 'leases', 'partial'])('writes and removes nothing where %s is a link', async (folder) => {
    const { store, directory } = await tempStore();
    const guest = new TestGuest();
    guest.write(0, 0, random(13, PAGE));
    await save(store, 'a', guest);
    const elsewhere = tempDirectory();
    // Of names that a gc removes: a pack that no snapshot needs, a lease that is over.
    const id = 'ab'.repeat(32);
    mkdirSync(join(elsewhere, 'ab'));
    writeFileSync(join(elsewhere, 'ab', id), '');
    const owner = { host: 'elsewhere', scope: null, pid: 1, start: null };
    writeFileSync(
      join(elsewhere, '0123456789abcdef-0'),
      JSON.stringify({ kind: 'use', purpose: 'a test', owner, expires: 0 }),
    );
    const before = readdirSync(elsewhere, { recursive: true });
    rmSync(join(directory, folder), { recursive: true });
    symlinkSync(elsewhere, join(directory, folder));
    await expect(collectGarbage(store)).rejects.toMatchObject({
      code: 'usage',
      message: expect.stringMatching(`${folder} is not a directory`),
    });
    await expect(save(store, 'b', guest)).rejects.toMatchObject({ code: 'usage' });
    expect(readdirSync(elsewhere, { recursive: true })).toEqual(before);
  });

  it('removes nothing where there is a folder among what is not finished', async () => {
    const { store, directory } = await tempStore();
    const guest = new TestGuest();
    guest.write(0, 0, random(14, PAGE));
    await save(store, 'a', guest);
    await store.remove('a');
    mkdirSync(join(directory, 'partial', 'folder'));
    await expect(collectGarbage(store)).rejects.toMatchObject({
      code: 'usage',
      message: expect.stringMatching('partial/folder is not a file'),
    });
    expect(packsOf(directory)).toHaveLength(1);
  });
});
