import { damaged, otherVersion } from './damage.js';
import { digest, hex, isSame } from './hash.js';
import {
  FORMAT_VERSION,
  HASH_SIZE,
  HEADER_SIZE,
  MOST_CHUNKS,
  PACK_ENTRY_SIZE,
  PACK_MAGIC,
} from './layout.js';

/** A chunk that goes into a pack. */
export interface PackedChunk {
  readonly hash: Uint8Array;
  /** Bytes of what `encodeChunk` makes of it. */
  readonly stored: number;
  /** Bytes of RAM. */
  readonly length: number;
}

/** Where a chunk lies in its pack. */
export interface ChunkPlace {
  readonly hash: Uint8Array;
  /** Bytes from the beginning of the object. */
  readonly offset: number;
  readonly stored: number;
  readonly length: number;
}

/** The beginning of a pack: what it holds, and where. The chunks follow in the same order, without gaps. */
export class PackIndex {
  /** SHA-256 of `bytes`, in hex: the pack's name. */
  readonly id: string;
  readonly bytes: Uint8Array;
  readonly count: number;
  /** Bytes of the whole pack. */
  readonly size: number;
  readonly #view: DataView;
  /** Of each chunk, and of the end. */
  readonly #offsets: Float64Array;

  private constructor(bytes: Uint8Array, id: string, count: number, offsets: Float64Array) {
    this.bytes = bytes;
    this.id = id;
    this.count = count;
    this.#offsets = offsets;
    this.size = offsets[count] ?? 0;
    this.#view = viewOf(bytes);
  }

  static of(chunks: readonly PackedChunk[]): PackIndex {
    const bytes = new Uint8Array(indexSize(chunks.length));
    const view = viewOf(bytes);
    bytes.set(PACK_MAGIC);
    view.setUint32(8, FORMAT_VERSION);
    view.setUint32(12, chunks.length);
    chunks.forEach(({ hash, stored, length }, index) => {
      const at = indexSize(index);
      bytes.set(hash, at);
      view.setUint32(at + HASH_SIZE, stored);
      view.setUint32(at + HASH_SIZE + 4, length);
    });
    return new PackIndex(bytes, hex(digest(bytes)), chunks.length, offsetsOf(view, chunks.length));
  }

  /**
   * @param bytes the pack's beginning, `indexSize` long.
   * @param what names the pack for messages.
   * @param size bytes of the object, which must be what the index adds up to.
   * @param id what the pack is called: the index must have this hash.
   * @param chunkSize no chunk is longer.
   * @throws MultifdError `protocol`, `incompatible`.
   */
  static parse(bytes: Uint8Array, what: string, size: number, id: string, chunkSize: number): PackIndex {
    const count = packCount(bytes, what, size);
    const index = bytes.subarray(0, indexSize(count));
    if (index.length < indexSize(count)) throw damaged(what, 'its index is cut');
    const found = hex(digest(index));
    if (found !== id) throw damaged(what, 'its index has not the hash that is its name');
    const view = viewOf(index);
    for (let each = 0; each < count; each++) {
      const at = indexSize(each) + HASH_SIZE;
      const stored = view.getUint32(at);
      const length = view.getUint32(at + 4);
      if (length === 0 || length > chunkSize || stored === 0 || stored > length)
        throw damaged(what, `chunk ${each} has ${stored} stored bytes for ${length}`);
    }
    const offsets = offsetsOf(view, count);
    if (offsets[count] !== size)
      throw damaged(what, `it has ${size} bytes, and its index says ${offsets[count]}`);
    return new PackIndex(index, id, count, offsets);
  }

  place(index: number): ChunkPlace {
    const at = indexSize(index);
    return {
      hash: this.bytes.subarray(at, at + HASH_SIZE),
      offset: this.#offsets[index] ?? 0,
      stored: this.#view.getUint32(at + HASH_SIZE),
      length: this.#view.getUint32(at + HASH_SIZE + 4),
    };
  }

  isChunk(index: number, raw: Uint8Array): boolean {
    return isSame(digest(raw), this.place(index).hash);
  }
}

/** Bytes of the index of a pack with so many chunks. */
export function indexSize(count: number): number {
  return HEADER_SIZE + count * PACK_ENTRY_SIZE;
}

/**
 * The number of chunks that a pack's first bytes announce, checked against the object's size.
 * @throws MultifdError `protocol`, `incompatible`.
 */
export function packCount(bytes: Uint8Array, what: string, size: number): number {
  if (bytes.length < HEADER_SIZE) throw damaged(what, 'it is shorter than a header');
  if (!isSame(bytes.subarray(0, 8), PACK_MAGIC)) throw damaged(what, 'it does not begin as a pack does');
  const view = viewOf(bytes);
  const version = view.getUint32(8);
  if (version !== FORMAT_VERSION) throw otherVersion(what, version, FORMAT_VERSION);
  const count = view.getUint32(12);
  if (count === 0 || count > MOST_CHUNKS || indexSize(count) > size)
    throw damaged(what, `${count} chunks cannot be in ${size} bytes`);
  return count;
}

function offsetsOf(view: DataView, count: number): Float64Array {
  const offsets = new Float64Array(count + 1);
  let at = indexSize(count);
  for (let index = 0; index < count; index++) {
    offsets[index] = at;
    at += view.getUint32(indexSize(index) + HASH_SIZE);
  }
  offsets[count] = at;
  return offsets;
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
