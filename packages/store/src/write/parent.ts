import { MultifdError } from '@multifd/core/ram';
import type { Parent } from '../format/head.js';
import type { NamedSnapshot, Store } from '../store.js';
import { type Ingested, ZERO } from './ingest.js';

/** Snapshots that are compared with a new one: the latest. */
const MOST_CANDIDATES = 8;

/** The latest snapshots of guests with the same RAM blocks: one of them may be a new one's parent. */
export async function findCandidates(
  store: Store,
  blocks: readonly { readonly name: string; readonly length: number }[],
): Promise<readonly NamedSnapshot[]> {
  let found: NamedSnapshot[] = [];
  for (const name of await store.names()) {
    const snapshot = await readable(store, name);
    if (snapshot === undefined || !hasBlocks(snapshot, blocks)) continue;
    found.push(snapshot);
    found.sort((a, b) => Date.parse(b.head.time) - Date.parse(a.head.time));
    found = found.slice(0, MOST_CANDIDATES);
  }
  return found;
}

/** The candidate that has most chunks with content at the same place; null if none has any. The latest, if several. */
export function chooseParent(candidates: readonly NamedSnapshot[], ingested: Ingested): Parent | null {
  let best: { readonly snapshot: NamedSnapshot; readonly shared: number } | undefined;
  const numbers = new Map(ingested.packs.map((id, number) => [id, number]));
  for (const snapshot of candidates) {
    const shared = sharedChunks(snapshot, ingested, numbers);
    if (shared > (best?.shared ?? 0)) best = { snapshot, shared };
  }
  return best === undefined ? null : { name: best.snapshot.name, id: best.snapshot.id };
}

function sharedChunks(
  { packs, runs }: NamedSnapshot,
  { table, entries }: Ingested,
  numbers: ReadonlyMap<string, number>,
): number {
  let shared = 0;
  runs.forEach((block, index) => {
    const own = entries[index];
    for (let each = 0; own !== undefined && each < block.runs; each++) {
      const { start, end, pack, first } = block.run(each);
      const number = pack === 0 ? undefined : numbers.get(packs[pack - 1] ?? '');
      if (number === undefined) continue;
      for (let chunk = start; chunk < end; chunk++) {
        const entry = own[chunk] ?? ZERO;
        if (entry === ZERO || table.packOf(entry) !== number) continue;
        if (table.placeOf(entry) === first + chunk - start) shared++;
      }
    }
  });
  return shared;
}

/** One that is damaged, or has just been removed, is nobody's parent. */
async function readable(store: Store, name: string): Promise<NamedSnapshot | undefined> {
  try {
    return await store.snapshot(name);
  } catch (error) {
    if (MultifdError.is(error) && error.code !== 'io') return undefined;
    throw error;
  }
}

function hasBlocks(
  { head }: NamedSnapshot,
  blocks: readonly { readonly name: string; readonly length: number }[],
): boolean {
  if (head.blocks.length !== blocks.length) return false;
  return head.blocks.every(({ name, size }, index) => {
    const block = blocks[index];
    return block?.name === name && block.length === size;
  });
}
