import { MultifdError } from '@multifd/core/ram';
import { LARGEST_OBJECT } from '../format/layout.js';
import { PACKS, packOf } from '../format/names.js';
import type { ObjectEntry } from '../objects/object-store.js';
import { readPackIndex } from '../read/pack-index.js';
import type { Store } from '../store.js';
import { ChunkTable } from './chunk-table.js';

/** Packs that are read at a time. */
const AT_A_TIME = 16;

/** What is in a store already. */
export interface KnownChunks {
  readonly table: ChunkTable;
  /** Ids, by the numbers that the table has. */
  readonly packs: string[];
  /** Packs that cannot be used: what they hold is stored once more. One line for each. */
  readonly unusable: readonly string[];
}

/**
 * Reads the beginning of each pack. The caller holds a lease.
 * @throws MultifdError `io` if the store cannot be read, but not for a single pack; `cancelled`.
 */
export async function findKnownChunks(store: Store, signal?: AbortSignal): Promise<KnownChunks> {
  const entries = await store.objects.list(PACKS);
  const table = new ChunkTable();
  const packs: string[] = [];
  const unusable: string[] = [];
  const left = entries.values();
  const work = async () => {
    for (const entry of left) {
      if (signal?.aborted) throw new MultifdError('cancelled', 'interrupted', { cause: signal.reason });
      await add(entry);
    }
  };
  const add = async ({ key, size }: ObjectEntry) => {
    const id = packOf(key);
    if (id === undefined || size > LARGEST_OBJECT) return;
    try {
      const index = await readPackIndex(store.objects, id);
      packs.push(id);
      for (let place = 0; place < index.count; place++) {
        const { hash } = index.place(place);
        if (table.find(hash) < 0) table.add(hash, packs.length - 1, place);
      }
    } catch (error) {
      if (!MultifdError.is(error)) throw error;
      // One pack, or the whole store? That a list tells, or throws.
      if (error.code === 'io') await store.objects.list(PACKS, 1);
      unusable.push(error.message);
    }
  };
  await Promise.all(Array.from({ length: AT_A_TIME }, work));
  return { table, packs, unusable };
}
