import { allocateGuestRam, DirtyBitmap, openRamBlockSync } from '@multifd/core';
import { expect, vi } from 'vitest';
import { SnapshotWriter, type Store, verifyStore } from '../../dist/index.js';
import type { tempStore } from './folder.js';
import { PAGE, restored, saveAs } from './guest.js';

export const CHUNK = 65_536;
/** Seven pieces, the last one in part. */
export const LENGTH = 400 * CHUNK + 2 * PAGE;
export const COMING = [{ name: 'pc.ram', length: LENGTH }];
/** Of them one works while the guest comes: 16 MiB are a pack, whatever the machine. */
const THREADS = 2;

/** A guest that comes into a store. */
export async function comingInto(store: Store, name: string, signal?: AbortSignal) {
  const ram = allocateGuestRam(COMING, PAGE);
  const [descriptor] = ram.blocks;
  if (descriptor === undefined) throw new Error('no block');
  const block = openRamBlockSync(descriptor);
  const received = DirtyBitmap.allocate(LENGTH / PAGE);
  const options = { blocks: COMING, threads: THREADS, ...(signal === undefined ? {} : { signal }) };
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
    /** Waits until so many bytes are packed. */
    early: (bytes: number) => eventually(() => expect(writer.early).toBe(bytes)),
  };
}

export type Coming = Awaited<ReturnType<typeof comingInto>>;

/** The limit only detects a hang. */
export async function eventually(holds: () => void): Promise<void> {
  await vi.waitFor(holds, { timeout: 30_000, interval: 20 });
}

export async function expectWhole(
  guest: Coming,
  { store, objects }: Awaited<ReturnType<typeof tempStore>>,
  name: string,
) {
  expect(Buffer.compare(await restored(objects, name, 0), guest.all())).toBe(0);
  expect(await verifyStore(store)).toMatchObject({ faults: [], broken: [] });
}
