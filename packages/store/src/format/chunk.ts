// As a whole: an old Node has no zstd, and is told so before any of it is used.
import zlib from 'node:zlib';
import { CHUNK_SIZE } from './layout.js';

/** zstd's level: what is saved by a higher one is little, and time is what a guest stands still. */
export const ZSTD_LEVEL = 1;
/** Bytes of a buffer that is enough for what zstd can make of a chunk. */
export const MOST_PACKED = CHUNK_SIZE + 1024;

/** What is stored of a chunk: zstd's frame, or the bytes themselves if that is not shorter. */
export function encodeChunk(raw: Uint8Array): Uint8Array {
  const { ZSTD_c_compressionLevel: level, ZSTD_c_windowLog: window } = zlib.constants;
  // A larger window would be allocated for each chunk, and not used.
  const params = { [level]: ZSTD_LEVEL, [window]: Math.log2(CHUNK_SIZE) };
  const packed = zlib.zstdCompressSync(raw, { chunkSize: MOST_PACKED, params });
  return packed.length < raw.length ? packed : raw;
}

/**
 * The bytes of a chunk; undefined if `stored` does not unpack to exactly `length` bytes. No more than that is ever allocated.
 * The result may be `stored` itself.
 */
export function decodeChunk(stored: Uint8Array, length: number): Uint8Array | undefined {
  if (stored.length === length) return stored;
  try {
    // With room to spare: Node makes another buffer as soon as one is full.
    const raw = zlib.zstdDecompressSync(stored, { chunkSize: length + 64, maxOutputLength: length });
    return raw.length === length ? raw : undefined;
  } catch {
    return undefined;
  }
}
