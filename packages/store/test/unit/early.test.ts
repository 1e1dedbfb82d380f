import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { allocateGuestRam, openRamBlockSync } from '@multifd/core';
import { createRandom, testSeed } from '@multifd/testing/random';
import { describe, expect, it } from 'vitest';
import { collectGarbage, verifyStore } from '../../dist/index.js';
import { CHUNK, COMING, comingInto, eventually, expectWhole, LENGTH } from '../support/coming.js';
import { packsOf, tempStore } from '../support/folder.js';
import { PAGE, restored, saveAs } from '../support/guest.js';

describe('a guest that is stored while it comes', () => {
  it('is what it was in the end, and the snapshot counts only that', async () => {
    const seed = testSeed();
    const { bytes } = createRandom(seed);
    const temp = await tempStore();
    const guest = await comingInto(temp.store, 'a');
    guest.write(0, bytes(64 * CHUNK));
    guest.write(200 * 16, bytes(10 * CHUNK));
    guest.write(LENGTH / PAGE - 2, bytes(2 * PAGE));
    await guest.early(74 * CHUNK + 2 * PAGE);
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
    await again.early(64 * CHUNK);
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
    // Until something was taken, and for a while.
    const until = performance.now() + 4000;
    while (performance.now() < until || guest.writer.early === 0) {
      const page = random.int(pages);
      const count = 1 + random.int(Math.min(200, pages - page));
      if (random.int(4) === 0) guest.zero(page, count);
      else guest.write(page, Buffer.alloc(count * PAGE, `${random.next()}`));
      await sleep(random.int(60));
    }
    // Of what was taken, all is other now.
    guest.write(0, Buffer.from(random.bytes(LENGTH)));
    await guest.save();
    await guest.writer.close();
    await expectWhole(guest, temp, 'a');
    expect(guest.writer.stale, `seed ${seed}`).toBeGreaterThan(0);
  });

  it('chunks that are read while a thread writes them are read again, and what is stored has its hash', async () => {
    const temp = await tempStore();
    const guest = await comingInto(temp.store, 'a');
    const stop = new Int32Array(new SharedArrayBuffer(4));
    const workerData = {
      descriptor: guest.descriptor,
      received: guest.received.buffer,
      changed: guest.changed.buffer,
      stop,
      length: 64 * CHUNK,
    };
    const thread = new Worker(new URL('../fixtures/write-always.mjs', import.meta.url), { workerData });
    const done = once(thread, 'message');
    await eventually(() => expect(guest.writer.early).toBeGreaterThan(16 * CHUNK));
    // What is taken by now is written again.
    Atomics.store(stop, 0, 1);
    await done;
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
    await guest.early(300 * CHUNK);
    await eventually(() => expect(packsOf(temp.directory)).toHaveLength(1));
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
    await eventually(() => expect(packsOf(temp.directory)).toHaveLength(1));
    abort.abort();
    await expect(guest.save()).rejects.toMatchObject({ code: 'cancelled' });
    await guest.writer.close();
    expect(await temp.store.names()).toEqual([]);
    expect(await verifyStore(temp.store)).toMatchObject({ faults: [], broken: [] });
    expect(await collectGarbage(temp.store)).toMatchObject({ packs: 1, packsLeft: 0, unfinished: 0 });
  });

  it('is no other than that which was announced', async () => {
    const temp = await tempStore();
    const { writer } = await comingInto(temp.store, 'a');
    const others = [
      allocateGuestRam([{ name: 'pc.ram', length: PAGE }], PAGE),
      allocateGuestRam([...COMING, { name: 'pc.bios', length: PAGE }], PAGE),
      // Of the same shape, but other memory.
      allocateGuestRam(COMING, PAGE),
      { ...allocateGuestRam(COMING, PAGE), pageSize: 2 * PAGE },
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
