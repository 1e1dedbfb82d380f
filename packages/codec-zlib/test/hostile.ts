import { constants, deflateRawSync, deflateSync, gzipSync, zstdCompressSync } from 'node:zlib';
import type { HostilePayload } from '@multifd/conformance';

const PAGE = 4096;
const page = new Uint8Array(PAGE).fill(7);
const flushed = { finishFlush: constants.Z_SYNC_FLUSH } as const;

/** What QEMU refuses too, and what would make a careless receiver allocate or wait. */
export const hostile: readonly HostilePayload[] = [
  { name: 'a stream that ends, as whole zlib streams do', count: 1, payload: () => deflateSync(page) },
  {
    name: 'a stream that ends, without the checksum that ends it',
    count: 1,
    // Stored, so that its last block ends with a byte, as a flush does.
    payload: () => deflateSync(page, { level: 0 }).subarray(0, -4),
  },
  { name: 'a gzip header', count: 1, payload: () => gzipSync(page, flushed) },
  { name: 'no zlib header', count: 1, payload: () => deflateRawSync(page, flushed) },
  { name: 'a zstd frame', count: 1, payload: () => zstdCompressSync(page) },
  {
    name: 'a preset dictionary',
    count: 1,
    payload: () => deflateSync(page, { ...flushed, dictionary: Buffer.from('a dictionary') }),
  },
  {
    name: 'a bomb: 64 MiB of zeros in a packet of one page',
    count: 1,
    // As much of it as a packet of one page may hold.
    payload: () => deflateSync(new Uint8Array(64 * 2 ** 20), flushed).subarray(0, 2 * PAGE),
  },
];
