import { zstdFramePacker } from '@multifd/codec-native';
import { encodeChunk, MOST_PACKED, ZSTD_LEVEL } from '../format/chunk.js';

/**
 * Packs chunks, in machine code where it is there: Node's zlib makes an encoder and a buffer for each, which takes as long as to pack
 * a chunk that is half zero pages.
 */
export class ChunkPacker {
  readonly #frames = zstdFramePacker(ZSTD_LEVEL);
  readonly #room = new Uint8Array(MOST_PACKED);

  /** What is stored of a chunk: a zstd frame, or `raw` itself if that is not shorter. Valid until the next call. */
  pack(raw: Uint8Array): Uint8Array {
    if (this.#frames === undefined) return encodeChunk(raw);
    const size = this.#frames.pack(raw, this.#room);
    return size < raw.length ? this.#room.subarray(0, size) : raw;
  }
}
