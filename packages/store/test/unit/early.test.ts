import { once } from 'node:events';
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { allocateGuestRam, DirtyBitmap, openRamBlockSync } from '@multifd/core';
import { createRandom, testSeed } from '@multifd/testing/random';
import { describe, expect, it } from 'vitest';
import { collectGarbage, SnapshotWriter, type Store, verifyStore } from '../../dist/index.js';
import { packsOf, tempStore } from '../support/folder.js';
import { PAGE, restored, saveAs } from '../support/guest.js';

const CHUNK = 65_536;
/** Seven pieces, the last one in part. */
const BLOCKS = [{ name: 'pc.ram', length: 400 * CHUNK + 2 * PAGE }];
const LENGTH = 400 * CHUNK + 2 * PAGE;
/** ms: longer than what is written must be quiet, and than it takes to be stored. */
const A_WHILE = 1200;

/** A guest that comes into a store. */
async function comingInto(store: Store, name: string, signal?: AbortSignal) {
  const ram = allocateGuestRam(BLOCKS, PAGE);
  const [descriptor] = ram.blocks;
  if (descriptor === undefined) throw new Error('no block');
  const block = openRamBlockSync(descriptor);
  const received = DirtyBitmap.allocate(LENGTH / PAGE);
  const options = { blocks: BLOCKS, ...(signal === undefined ? {} : { signal }) };
  const writer = await SnapshotWriter.begin(store, name, options);
  const [buffer] = writer.watch(ram);
  if (buffer === undefined) throw new Error('no bitmap');
  const changed = new DirtyBitmap(buffer, LENGTH / PAGE);
  return {
    writer,
    descriptor,
    received,
    changed,
    /** As core's `PagePlacer` does it. */
    write(page: number, bytes: Uint8Array) {
      block.write(page * PAGE, bytes);
      received.markRange(page, bytes.length / PAGE);
      changed.markRange(page, bytes.length / PAGE);
    },
    zero(page: number, count: number) {
      block.zero(page * PAGE, count * PAGE);
      received.clearRange(page, count);
      changed.markRange(page, count);
    },
    all: () => block.read(0, LENGTH, new Uint8Array(LENGTH)).slice(),
    save: () => saveAs(writer, ram, [received.buffer]),
  };
}

type Coming = Awaited<ReturnType<typeof comingInto>>;

async function expectWhole(
  guest: Coming,
  { store, objects }: Awaited<ReturnType<typeof tempStore>>,
  name: string,
) {
  expect(Buffer.compare(await restored(objects, name, 0), guest.all())).toBe(0);
  expect(await verifyStore(store)).toMatchObject({ faults: [], broken: [] });
}

describe('a guest that is stored while it comes', () => {
  it('is what it was in the end, and the snapshot counts only that', async () => {
    const seed = testSeed();
    const { bytes } = createRandom(seed);
    const temp = await tempStore();
    const guest = await comingInto(temp.store, 'a');
    guest.write(0, bytes(64 * CHUNK));
    guest.write(200 * 16, bytes(10 * CHUNK));
    guest.write(LENGTH / PAGE - 2, bytes(2 * PAGE));
    await sleep(A_WHILE);
    // Of chunks that are stored: one is written again, one is zero, one is zero in part, and two are as others are.
    guest.write(3 * 16 + 5, bytes(PAGE));
    guest.zero(200 * 16, 16);
    guest.zero(201 * 16 + 4, 3);
    const block = guest.all();
    guest.write(10 * 16, block.slice(11 * CHUNK, 12 * CHUNK));
    // Back as it was: found, and not stored again.
    guest.write(20 * 16, block.slice(20 * CHUNK, 21 * CHUNK));
    // And what has not come before.
    guest.write(300 * 16 + 1, bytes(5 * PAGE));
    const { head } = await guest.save();
    await guest.writer.close();
    await expectWhole(guest, temp, 'a');
    expect(head.content, `seed ${seed}`).toBe(74 * CHUNK + 2 * PAGE);
    expect(head.added).toBe(73 * CHUNK + 2 * PAGE);
    // Random content: nearly as it is. The five that were taken and are not there any more: 3, 10, 200, 201.
    expect(guest.writer.stale).toBeGreaterThan(3.5 * CHUNK);
    expect(guest.writer.stale).toBeLessThanOrEqual(4 * CHUNK);
    // Nothing of it is new to the next one.
    const again = await comingInto(temp.store, 'b');
    again.write(0, guest.all().slice(0, 64 * CHUNK));
    await sleep(A_WHILE);
    expect((await again.save()).head).toMatchObject({ added: 0, stored: 0, parent: { name: 'a' } });
    expect(again.writer.stale).toBe(0);
    await again.writer.close();
    await expectWhole(again, temp, 'b');
  });

  it('that writes all the time, at random: byte for byte', async () => {
    const seed = testSeed();
    const random = createRandom(seed);
    const temp = await tempStore();
    const guest = await comingInto(temp.store, 'a');
    const pages = LENGTH / PAGE;
    const until = performance.now() + 4000;
    while (performance.now() < until) {
      const page = random.int(pages);
      const count = 1 + random.int(Math.min(200, pages - page));
      if (random.int(4) === 0) guest.zero(page, count);
      else guest.write(page, Buffer.alloc(count * PAGE, `${random.next()}`));
      await sleep(random.int(60));
    }
    await guest.save();
    await guest.writer.close();
    await expectWhole(guest, temp, 'a');
    expect(guest.writer.stale, `seed ${seed}`).toBeGreaterThan(0);
  });

  it('chunks that are read while a thread writes them are read again, and what is stored has its hash', async () => {
    const temp = await tempStore();
    const guest = await comingInto(temp.store, 'a');
    const workerData = {
      descriptor: guest.descriptor,
      received: guest.received.buffer,
      changed: guest.changed.buffer,
      bursts: 4,
      length: 64 * CHUNK,
    };
    const thread = new Worker(new URL('../fixtures/write-always.mjs', import.meta.url), { workerData });
    await once(thread, 'message');
    await guest.save();
    await guest.writer.close();
    await expectWhole(guest, temp, 'a');
    expect(guest.writer.stale).toBeGreaterThan(0);
    await thread.terminate();
  });

  it('has nothing left to be read when all was quiet', async () => {
    const temp = await tempStore();
    const guest = await comingInto(temp.store, 'a');
    guest.write(0, createRandom(1).bytes(300 * CHUNK));
    await sleep(2 * A_WHILE);
    const packs = packsOf(temp.directory).length;
    expect(packs).toBe(1);
    // Not written, and not marked: nobody looks there again.
    openRamBlockSync(guest.descriptor).write(0, new Uint8Array(PAGE));
    await guest.save();
    await guest.writer.close();
    const stored = await restored(temp.objects, 'a', 0);
    expect(stored.subarray(0, PAGE).every((byte) => byte === 0)).toBe(false);
  });

  it('given up half way: no snapshot, nothing unfinished, and a gc frees it', async () => {
    const temp = await tempStore();
    const abort = new AbortController();
    const guest = await comingInto(temp.store, 'a', abort.signal);
    guest.write(0, createRandom(1).bytes(300 * CHUNK));
    await sleep(2 * A_WHILE);
    expect(packsOf(temp.directory)).toHaveLength(1);
    abort.abort();
    await expect(guest.save()).rejects.toMatchObject({ code: 'cancelled' });
    await guest.writer.close();
    expect(await temp.store.names()).toEqual([]);
    expect(await verifyStore(temp.store)).toMatchObject({ faults: [], broken: [] });
    expect(await collectGarbage(temp.store)).toMatchObject({ packs: 1, packsLeft: 0, unfinished: 0 });
  });

  it('whose store fails meanwhile: said in the end, and nothing has the name', async () => {
    const temp = await tempStore();
    const guest = await comingInto(temp.store, 'a');
    // It has seen by then what was there before.
    await sleep(A_WHILE);
    const inTheWay = join(temp.directory, 'packs');
    writeFileSync(inTheWay, '');
    guest.write(0, createRandom(1).bytes(300 * CHUNK));
    await sleep(2 * A_WHILE);
    rmSync(inTheWay);
    await expect(guest.save()).rejects.toThrow(/packs is not a directory/);
    await guest.writer.close();
    expect(await temp.store.names()).toEqual([]);
  });

  it('is no other than that which was announced', async () => {
    const temp = await tempStore();
    const { writer } = await comingInto(temp.store, 'a');
    const others = [
      allocateGuestRam([{ name: 'pc.ram', length: PAGE }], PAGE),
      allocateGuestRam([...BLOCKS, { name: 'pc.bios', length: PAGE }], PAGE),
      { ...allocateGuestRam(BLOCKS, PAGE), pageSize: 2 * PAGE },
    ];
    for (const other of others) {
      await expect(saveAs(writer, other, [])).rejects.toMatchObject({
        code: 'internal',
        message: expect.stringMatching(/another guest was watched/),
      });
    }
    await writer.close();
  });
});
