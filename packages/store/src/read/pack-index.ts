import { damaged } from '../format/damage.js';
import { CHUNK_SIZE } from '../format/layout.js';
import { packKey } from '../format/names.js';
import { indexSize, PackIndex, packCount } from '../format/pack-index.js';
import type { ObjectStore } from '../objects/object-store.js';

/** Bytes that are read at first: most packs' indexes are shorter. */
const FIRST = 64 * 1024;

/** @throws MultifdError `protocol` if there is no such pack, or it is not whole; `incompatible`, `io`. */
export async function readPackIndex(objects: ObjectStore, id: string): Promise<PackIndex> {
  const key = packKey(id);
  const what = `${objects.what}: ${key}`;
  const begin = await objects.read(key, 0, FIRST);
  if (begin === undefined) throw damaged(what, 'it is not there');
  const needed = indexSize(packCount(begin.bytes, what, begin.size));
  const bytes = needed <= begin.bytes.length ? begin.bytes : (await objects.read(key, 0, needed))?.bytes;
  return PackIndex.parse(bytes ?? new Uint8Array(0), what, begin.size, id, CHUNK_SIZE);
}
