import { damaged } from '../format/damage.js';
import { PACK_TARGET } from '../format/layout.js';
import { packKey } from '../format/names.js';
import { indexSize, type PackIndex } from '../format/pack-index.js';
import type { ObjectStore } from '../objects/object-store.js';

/** Bytes of a piece: all chunks of a pack as our writers make it, and no more of one that somebody else has made. */
const PIECE = PACK_TARGET + 2 ** 20;

/** Whole chunks of a pack, one after the other. */
export interface PackPiece {
  /** The first chunk, and the one behind the last. */
  readonly first: number;
  readonly end: number;
  /** Where the first one begins, in bytes from the beginning of the object. */
  readonly offset: number;
  readonly bytes: Uint8Array;
}

/** What is behind a pack's index, in pieces. @throws MultifdError `protocol` if the object is not as long as its index says; `io`. */
export async function* packPieces(objects: ObjectStore, index: PackIndex): AsyncGenerator<PackPiece, void> {
  const key = packKey(index.id);
  for (let first = 0, offset = indexSize(index.count); first < index.count; ) {
    let end = first;
    let length = 0;
    while (end < index.count) {
      const { stored } = index.place(end);
      if (length + stored > PIECE) break;
      length += stored;
      end++;
    }
    const found = await objects.read(key, offset, length);
    if (found?.size !== index.size || found.bytes.length !== length)
      throw damaged(`${objects.what}: ${key}`, 'it has changed while it was read');
    yield { first, end, offset, bytes: found.bytes };
    first = end;
    offset += length;
  }
}
