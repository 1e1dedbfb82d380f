import { readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { openRamBlock, openRamBlockSync } from '@multifd/core';
import { MultifdError } from '@multifd/core/ram';
import { createRandom, testSeed } from '@multifd/testing/random';
import { describe, expect, it } from 'vitest';
import {
  DiskObjects,
  diffSnapshots,
  openSnapshot,
  SnapshotWriter,
  Store,
  verifyStore,
} from '../../dist/index.js';
import { packsOf, tempDirectory, tempStore } from '../support/folder.js';
import { BLOCKS, DEVICES, expectSame, PAGE, restored, save, TestGuest } from '../support/guest.js';

const random = (seed: number, length: number) => createRandom(seed).bytes(length);

function flipped(bytes: Buffer, at: number): Buffer {
  bytes.writeUInt8(bytes.readUInt8(at) ^ 1, at);
  return bytes;
}

describe('a snapshot', () => {
  it('comes back byte for byte, with all that is known of its guest', async () => {
    const seed = testSeed();
    const { objects, store, directory } = await tempStore();
    const guest = new TestGuest();
    guest.write(0, 3 * PAGE, random(seed, 2 * PAGE));
    guest.write(0, 20 * 65_536, Buffer.alloc(3 * 65_536, 'text'));
    guest.write(0, BLOCKS[0]?.length ?? 0, new Uint8Array(0));
    guest.write(0, 40 * 65_536 + PAGE, random(seed + 1, PAGE));
    guest.write(1, PAGE, random(seed + 2, PAGE));
    const { head } = await save(store, 'first', guest);
    expect(head).toMatchObject({ machineType: 'pc-q35-10.0', parent: null, pageSize: PAGE });
    // Three equal chunks are one.
    expect(head.content).toBe(65_536 * 4 + 3 * PAGE + 5 * PAGE);
    expect(head.added).toBe(65_536 * 2 + 3 * PAGE + 5 * PAGE);
    await expectSame(objects, 'first', guest);
    const stored = openSnapshot(objects, 'first');
    expect(stored).toMatchObject({ machineType: 'pc-q35-10.0', described: true });
    expect(stored.uuid).toEqual(guest.atRest.configuration.uuid);
    expect(Buffer.from(stored.rawDeviceState.bytes)).toEqual(DEVICES);
    expect(Buffer.from(stored.rawDeviceState.early)).toEqual(Buffer.from('early'));
    stored.close();
    expect(statSync(join(directory, 'snapshots', 'first')).mode & 0o777).toBe(0o600);
    expect((await verifyStore(store)).faults).toEqual([]);
  });

  it('has zeros where nothing was received, whatever the block has there', async () => {
    const { objects, store } = await tempStore();
    const guest = new TestGuest();
    guest.write(0, PAGE, Buffer.alloc(PAGE, 'a'));
    // As in a mapped-ram file: a page that has become zero keeps its old bytes.
    const [descriptor] = guest.ram.blocks;
    if (descriptor === undefined) throw new Error('no block');
    const block = openRamBlockSync(descriptor);
    block.write(2 * PAGE, Buffer.alloc(PAGE, 's'));
    await save(store, 'stale', guest);
    // The guest's own memory is as it was.
    expect(
      guest
        .read(0)
        .subarray(2 * PAGE, 3 * PAGE)
        .every((byte) => byte === 's'.charCodeAt(0)),
    ).toBe(true);
    block.write(2 * PAGE, new Uint8Array(PAGE));
    await expectSame(objects, 'stale', guest);
  });

  it('says where it is absent, and reads any piece', async () => {
    const { objects, store } = await tempStore();
    const guest = new TestGuest();
    guest.write(0, 10 * 65_536, random(1, 2 * 65_536));
    await save(store, 'a', guest);
    const stored = openSnapshot(objects, 'a');
    const [descriptor] = stored.ram.blocks;
    if (descriptor === undefined) throw new Error('no block');
    const block = await openRamBlock(descriptor);
    expect(block.absent(0, block.length)).toBe(10 * 65_536);
    expect(block.absent(10 * 65_536, block.length - 10 * 65_536)).toBe(-2 * 65_536);
    expect(block.absent(12 * 65_536 + PAGE, PAGE)).toBe(PAGE);
    const all = guest.read(0);
    const { int } = createRandom(testSeed());
    for (let each = 0; each < 50; each++) {
      const at = int(block.length);
      const length = int(Math.min(block.length - at, 200_000));
      const found = block.read(at, length, new Uint8Array(length).fill(7));
      expect(Buffer.compare(found, all.subarray(at, at + length))).toBe(0);
    }
    expect(() => block.write(0, new Uint8Array(1))).toThrow(/cannot be written to/);
    block.close();
    stored.close();
  });

  it('has what changed since another one, and no more', async () => {
    const { objects, store } = await tempStore();
    const guest = new TestGuest();
    guest.write(0, 0, random(2, 30 * 65_536));
    const first = await save(store, 'first', guest);
    const second = await save(store, 'second', guest);
    expect(second.head).toMatchObject({ added: 0, stored: 0, parent: { name: 'first', id: first.id } });
    guest.write(0, 7 * 65_536 + 9 * PAGE, random(3, PAGE));
    const third = await save(store, 'third', guest);
    expect(third.head.added).toBe(65_536);
    await expectSame(objects, 'third', guest);
    const [a, c] = ['first', 'third'].map((name) => openSnapshot(objects, name));
    if (a === undefined || c === undefined) throw new Error('none');
    const { blocks, deviceState } = await diffSnapshots(a, c);
    expect(deviceState).toBe(false);
    const at = 7 * 65_536 + 9 * PAGE;
    expect(blocks.map(({ name, pages, ranges }) => ({ name, pages, ranges }))).toEqual([
      { name: 'pc.ram', pages: 1, ranges: [[at, at + PAGE]] },
      { name: 'pc.bios', pages: 0, ranges: [] },
    ]);
    a.close();
    c.close();
  });

  it('has ranges that are listed, and others that are counted', async () => {
    const { objects, store } = await tempStore();
    const guest = new TestGuest();
    await save(store, 'first', guest);
    // Five runs of pages, one of them over several chunks.
    for (const [page, count] of [
      [1, 2],
      [5, 1],
      [20, 40],
      [100, 3],
      [104, 1],
    ] as const) {
      guest.write(0, page * PAGE, Buffer.alloc(count * PAGE, 7));
    }
    await save(store, 'second', guest);
    const [a, b] = ['first', 'second'].map((name) => openSnapshot(objects, name));
    if (a === undefined || b === undefined) throw new Error('none');
    const runs = [
      [1, 3],
      [5, 6],
      [20, 60],
      [100, 103],
      [104, 105],
    ].map((run) => run.map((page) => page * PAGE));
    for (const most of [0, 1, 3, 5, undefined]) {
      const [block] = (await diffSnapshots(a, b, undefined, most)).blocks;
      const listed = most ?? 5;
      expect(block).toMatchObject({ pages: 47, ranges: runs.slice(0, listed), more: 5 - listed });
    }
    a.close();
    b.close();
  });

  it('keeps its name unless it may be replaced, and then can be taken back', async () => {
    const { objects, store } = await tempStore();
    const guest = new TestGuest();
    guest.write(0, 0, random(4, PAGE));
    const first = await save(store, 'name', guest);
    await expect(save(store, 'name', guest)).rejects.toThrow(/there is a snapshot of this name/);
    const before = restored(objects, 'name', 0);
    guest.write(0, 0, random(5, PAGE));
    const writer = await SnapshotWriter.begin(store, 'name', {
      blocks: BLOCKS,
      replace: true,
    });
    const second = await writer.write(guest.atRest);
    expect((await store.snapshot('name')).id).toBe(second.id);
    await writer.withdraw();
    await writer.close();
    expect((await store.snapshot('name')).id).toBe(first.id);
    expect(Buffer.compare(await before, await restored(objects, 'name', 0))).toBe(0);
  });

  it('is given up when that is wanted', async () => {
    const { store } = await tempStore();
    const guest = new TestGuest();
    guest.write(0, 0, random(4, 20 * 65_536));
    const writer = await SnapshotWriter.begin(store, 'name', {
      blocks: BLOCKS,
      signal: AbortSignal.abort(),
    });
    await expect(writer.write(guest.atRest)).rejects.toMatchObject({ code: 'cancelled' });
    await writer.close();
    expect(await store.names()).toEqual([]);
  });
});

describe('several writers', () => {
  it('do each other no harm', async () => {
    const { objects, store } = await tempStore();
    const guests = Array.from({ length: 4 }, (_, index) => {
      const guest = new TestGuest();
      guest.write(0, 0, random(6, 20 * 65_536));
      guest.write(0, 25 * 65_536, random(7 + index, 2 * 65_536));
      return guest;
    });
    await Promise.all(guests.map((guest, index) => save(store, `guest-${index}`, guest)));
    for (const [index, guest] of guests.entries()) await expectSame(objects, `guest-${index}`, guest);
    expect(await verifyStore(store)).toMatchObject({ snapshots: 4, faults: [], broken: [] });
  });

  it('of one name: one gets it', async () => {
    const { store } = await tempStore();
    const guest = new TestGuest();
    guest.write(0, 0, random(8, PAGE));
    const all = await Promise.allSettled([1, 2, 3].map(() => save(store, 'one', guest)));
    expect(all.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected', 'rejected']);
  });
});

describe('a store that is not as it was written', () => {
  it.each([
    ['a byte of a chunk', (bytes: Buffer) => flipped(bytes, bytes.length - 9)],
    ['a byte of its index', (bytes: Buffer) => flipped(bytes, 20)],
    ['its length', (bytes: Buffer) => bytes.subarray(0, -1)],
    ['all of it', () => Buffer.alloc(0)],
  ])('%s: found, named, and never restored', async (_, spoil) => {
    const { objects, store, directory } = await tempStore();
    const guest = new TestGuest();
    guest.write(0, 0, random(13, 3 * 65_536));
    await save(store, 'a', guest);
    const [pack = ''] = packsOf(directory);
    writeFileSync(pack, spoil(readFileSync(pack)));
    const { faults, broken } = await verifyStore(store);
    expect(faults[0]).toMatch(/^store:.*packs\/.* is damaged: /);
    expect(broken).toEqual(['a']);
    await expect(restored(objects, 'a', 0)).rejects.toMatchObject({ code: 'protocol' });
  });

  it('a pack that cannot be used is written anew', async () => {
    const { objects, store, directory } = await tempStore();
    const guest = new TestGuest();
    guest.write(0, 0, random(14, PAGE));
    await save(store, 'a', guest);
    const [pack = ''] = packsOf(directory);
    truncateSync(pack, 50);
    const writer = await SnapshotWriter.begin(store, 'b', { blocks: BLOCKS });
    expect(await writer.unusable()).toHaveLength(1);
    await writer.write(guest.atRest);
    await writer.close();
    await expectSame(objects, 'a', guest);
    await expectSame(objects, 'b', guest);
  });

  it('a pack that the disk does not give is written anew; a store that it does not give is an error', async () => {
    const { objects, store, directory } = await tempStore();
    const guest = new TestGuest();
    guest.write(0, 0, random(16, PAGE));
    await save(store, 'a', guest);
    class Bad extends DiskObjects {
      isListed = true;
      override async read(key: string, offset: number, length: number) {
        if (!key.startsWith('packs/')) return super.read(key, offset, length);
        throw new MultifdError('io', 'input/output error');
      }
      override async list(prefix: string, most?: number) {
        if (prefix !== 'packs/' || most === undefined || this.isListed) return super.list(prefix, most);
        throw new MultifdError('io', 'no such device');
      }
    }
    const bad = new Bad(directory);
    const writer = await SnapshotWriter.begin(await Store.open(bad), 'b', { blocks: BLOCKS });
    expect(await writer.unusable()).toEqual(['input/output error']);
    await writer.write(guest.atRest);
    await writer.close();
    await expectSame(objects, 'b', guest);
    bad.isListed = false;
    const other = await SnapshotWriter.begin(await Store.open(bad), 'c', { blocks: BLOCKS });
    await expect(other.write(guest.atRest)).rejects.toThrow(/no such device/);
    await other.close();
  });

  it('a pack that is gone', async () => {
    const { objects, store, directory } = await tempStore();
    const guest = new TestGuest();
    guest.write(0, 0, random(15, PAGE));
    await save(store, 'a', guest);
    for (const pack of packsOf(directory)) rmSync(pack);
    expect((await verifyStore(store)).broken).toEqual(['a']);
    await expect(restored(objects, 'a', 0)).rejects.toThrow(/it is not there/);
  });

  it('is no store, or another one', async () => {
    const directory = tempDirectory();
    const objects = new DiskObjects(directory);
    await expect(Store.open(objects)).rejects.toMatchObject({ code: 'usage' });
    writeFileSync(join(directory, 'other'), '');
    await expect(Store.openOrMake(objects)).rejects.toThrow(/not a store, and not empty \(there is other\)/);
    const path = join(directory, 'multifd-store.json');
    writeFileSync(path, '{"format":"multifd-store","format-version":2}');
    await expect(Store.open(objects)).rejects.toMatchObject({ code: 'incompatible' });
    writeFileSync(path, '[]');
    await expect(Store.open(objects)).rejects.toMatchObject({ code: 'protocol' });
  });
});
