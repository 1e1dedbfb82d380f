import { zstdFrames } from '@multifd/codec-native';
import { decodeChunk } from '../format/chunk.js';

/**
 * Unpacks chunks, in machine code where it is there: that is about twice as fast as Node's zlib, which makes a decoder and a
 * buffer for each. What a chunk's bytes mean is the same: zlib has the last word on what machine code refuses.
 */
export class ChunkUnpacker {
  readonly #frames = zstdFrames();

  /**
   * Whether `stored` gives exactly as many bytes as `into` has room for. If not, it holds anything. That they are the right
   * ones only their hash tells.
   */
  unpack(stored: Uint8Array, into: Uint8Array): boolean {
    if (stored.length !== into.length && this.#frames?.unpack(stored, into) === true) return true;
    const raw = decodeChunk(stored, into.length);
    if (raw !== undefined) into.set(raw);
    return raw !== undefined;
  }
}
