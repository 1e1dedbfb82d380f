import { MultifdError } from '@multifd/core/ram';
import { packKey, snapshotKey } from '../format/names.js';
import type { PackIndex } from '../format/pack-index.js';
import { parseSnapshot } from '../format/snapshot.js';
import type { DiskObjects } from '../objects/disk.js';
import type { ObjectStore } from '../objects/object-store.js';
import type { Store } from '../store.js';
import { readPackIndex } from './pack-index.js';
import { packPieces } from './pack-pieces.js';

/** Packs that come at a time. */
const AT_A_TIME = 8;

export interface MirrorOptions {
  readonly signal?: AbortSignal;
  /** Packs that are here, of all. */
  readonly onProgress?: (done: number, total: number) => void;
}

/**
 * Brings a snapshot and its packs from a store elsewhere to objects on this machine's disk, which threads can read at once. What
 * they read there is checked as in any store. The caller holds a lease.
 * @throws MultifdError `usage` if there is no such snapshot; `protocol`, `io`, `cancelled`.
 */
export async function mirrorSnapshot(
  store: Store,
  name: string,
  to: DiskObjects,
  { signal, onProgress }: MirrorOptions = {},
): Promise<void> {
  const bytes = await store.wholeSnapshot(name);
  const { packs } = parseSnapshot(bytes, store.whatOf(name));
  const left = packs.values();
  let done = 0;
  const work = async () => {
    for (const id of left) {
      if (signal?.aborted) throw new MultifdError('cancelled', 'interrupted', { cause: signal.reason });
      await copy(store.objects, id, to);
      done++;
      onProgress?.(done, packs.length);
    }
  };
  await Promise.all(Array.from({ length: AT_A_TIME }, work));
  // These bytes: the name may be another snapshot's by now.
  await to.put(snapshotKey(name), [bytes]);
}

/** However large it is said to be, only a piece of it is in memory. */
async function copy(from: ObjectStore, id: string, to: DiskObjects): Promise<void> {
  const index = await readPackIndex(from, id);
  await to.putPieces(packKey(id), partsOf(from, index));
}

async function* partsOf(from: ObjectStore, index: PackIndex): AsyncGenerator<Uint8Array, void> {
  yield index.bytes;
  for await (const { bytes } of packPieces(from, index)) yield bytes;
}
