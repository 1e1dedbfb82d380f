import { getEventListeners } from 'node:events';
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { createRandom } from '@multifd/testing/random';
import { describe, expect, it } from 'vitest';
import { DiskObjects, SnapshotWriter, Store } from '../../dist/index.js';
import { CHUNK, COMING, comingInto, eventually, expectWhole } from '../support/coming.js';
import { tempDirectory, tempStore } from '../support/folder.js';

/** Random chunks that are a pack: it is put when the last one is there. */
const MANY = 256;

/** A guest that comes, of which the first pack cannot be put: `heal` lets all the others. */
async function comingIntoBroken(directory: string, store: Store) {
  const guest = await comingInto(store, 'a');
  // It has seen what was there before.
  await guest.writer.unusable();
  const inTheWay = join(directory, 'packs');
  writeFileSync(inTheWay, '');
  const { bytes } = createRandom(1);
  guest.write(0, bytes(MANY * CHUNK));
  await guest.early(MANY * CHUNK);
  return { guest, heal: () => rmSync(inTheWay), chunk: () => bytes(CHUNK) };
}

describe('a store that fails while the guest comes', () => {
  it('and then works again: all is stored, and what has failed is told', async () => {
    const temp = await tempStore();
    const { guest, heal, chunk } = await comingIntoBroken(temp.directory, temp.store);
    // That the pack was not put is found with the next chunk that is packed.
    for (let next = MANY; guest.writer.setback === undefined && next < 400; next++) {
      guest.write(next * 16, chunk());
      await sleep(300);
    }
    expect(guest.writer.setback).toMatchObject({
      message: expect.stringMatching(/packs is not a directory/),
    });
    heal();
    // A part of what was early is not so any more.
    guest.write(5, chunk());
    guest.zero(100 * 16, 16);
    await guest.save();
    await guest.writer.close();
    await expectWhole(guest, temp, 'a');
    expect(guest.writer.stale).toBe(0);
  });

  it('with the last pack that was put early: the same', async () => {
    const temp = await tempStore();
    const { guest, heal } = await comingIntoBroken(temp.directory, temp.store);
    // Long enough for the put to fail: if it does not, this test finds nothing.
    await sleep(1000);
    heal();
    await guest.save();
    await guest.writer.close();
    await expectWhole(guest, temp, 'a');
  });

  it('and goes on failing: its own error, and nothing has the name', async () => {
    const temp = await tempStore();
    const { guest, heal } = await comingIntoBroken(temp.directory, temp.store);
    await expect(guest.save()).rejects.toThrow(/packs is not a directory/);
    await guest.writer.close();
    heal();
    expect(await temp.store.names()).toEqual([]);
  });

  it('closed meanwhile, what is under way fails', async () => {
    const temp = await tempStore();
    const { guest, heal } = await comingIntoBroken(temp.directory, temp.store);
    heal();
    const saved = guest.save();
    saved.catch(() => {});
    await guest.writer.close();
    await expect(saved).rejects.toThrow();
    expect(await temp.store.names()).toEqual([]);
  });
});

describe('a signal that outlives its writer', () => {
  const listeners = (signal: AbortSignal) => getEventListeners(signal, 'abort').length;

  it('has no listener of a guest that was watched and never written', async () => {
    const { signal } = new AbortController();
    const { store } = await tempStore();
    const guest = await comingInto(store, 'a', signal);
    guest.write(0, createRandom(1).bytes(CHUNK));
    await guest.early(CHUNK);
    expect(listeners(signal)).toBeGreaterThan(0);
    await guest.writer.close();
    expect(listeners(signal)).toBe(0);
  });

  it('nor of one that writes so much again that nothing more is packed early', async () => {
    const { signal } = new AbortController();
    const { store } = await tempStore();
    const guest = await comingInto(store, 'a', signal);
    guest.write(0, createRandom(1).bytes(MANY * CHUNK));
    await guest.early(MANY * CHUNK);
    guest.write(0, createRandom(2).bytes(100 * CHUNK));
    // Long enough to see that: if it is not, this test finds nothing.
    await sleep(1500);
    await guest.writer.close();
    expect(listeners(signal)).toBe(0);
  });

  it('nor of one whose memory cannot be opened', async () => {
    const { signal } = new AbortController();
    const { store } = await tempStore();
    const writer = await SnapshotWriter.begin(store, 'a', { blocks: COMING, signal });
    const missing = join(tempDirectory(), 'none');
    const blocks = COMING.map((block) => ({
      kind: 'file' as const,
      ...block,
      path: missing,
      writable: false,
    }));
    writer.watch({ pageSize: 4096, blocks });
    await eventually(() =>
      expect(writer.setback).toMatchObject({ message: expect.stringMatching(/cannot open/) }),
    );
    await writer.close();
    expect(listeners(signal)).toBe(0);
  });
});

it.each([0, 1.5, 65, Number.NaN])('%d threads are refused, and no lease is taken', async (threads) => {
  const store = await Store.openOrMake(new DiskObjects(join(tempDirectory(), 'store')));
  await expect(SnapshotWriter.begin(store, 'a', { blocks: COMING, threads })).rejects.toMatchObject({
    code: 'usage',
    message: expect.stringMatching(/threads must be a whole number from 1 to 64/),
  });
  expect(await store.objects.list('leases/')).toEqual([]);
});
