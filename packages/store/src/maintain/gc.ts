import { MultifdError } from '@multifd/core/ram';
import { PACKS, packOf } from '../format/names.js';
import { Lease } from '../lease/lease.js';
import type { Store } from '../store.js';

/** What a gc has removed, and what it has left. */
export interface Collected {
  readonly packs: number;
  /** Bytes of packs that are gone. */
  readonly bytes: number;
  readonly packsLeft: number;
  readonly bytesLeft: number;
  /** Unfinished objects of writers that had ended. */
  readonly unfinished: number;
}

/**
 * Removes the packs that no snapshot needs, and what writers that died have left. Nobody else may use the store meanwhile.
 * @throws MultifdError `io` if somebody does; `protocol` if a snapshot, or what else is where snapshots are, cannot be read: what
 * it needs is not known, so nothing is removed; `cancelled`.
 */
export async function collectGarbage(store: Store, signal?: AbortSignal): Promise<Collected> {
  const lease = await Lease.alone(store.objects, 'a gc');
  try {
    const needed = new Set<string>();
    for (const name of await store.onlyNames()) {
      const { packs } = await store.snapshot(name);
      for (const id of packs) needed.add(id);
    }
    // First: it refuses what is strange, and then no pack has gone.
    const unfinished = await store.objects.sweep();
    const removed = { packs: 0, bytes: 0 };
    const left = { packs: 0, bytes: 0 };
    for (const { key, size } of await store.objects.list(PACKS)) {
      if (signal?.aborted) throw new MultifdError('cancelled', 'interrupted', { cause: signal.reason });
      const id = packOf(key);
      const isGarbage = id !== undefined && !needed.has(id);
      if (isGarbage) await store.objects.delete(key);
      const count = isGarbage ? removed : left;
      count.packs++;
      count.bytes += size;
    }
    return { ...removed, packsLeft: left.packs, bytesLeft: left.bytes, unfinished };
  } finally {
    await lease.release();
  }
}
