import { maxPagesPerPacket } from './layout.js';
import { requirePageSize } from './page-size.js';

export { checkCompression, checkRamPacket, checkZeroRuns } from './ram-packet-check.js';
export { peekFlags, RamPacketDecoder } from './ram-packet-decode.js';
export { encodeRamPacket } from './ram-packet-encode.js';

/**
 * A RAM packet's header (docs/wire.md, 4.2), as a struct that is reused for each packet: the hot path allocates
 * nothing.
 */
export interface RamPacket {
  /** FLAG_SYNC and the compression bits. */
  flags: number;
  /** C in packets with pages; 0 or C in a SYNC packet. */
  pagesAllocated: number;
  /** n: number of pages whose bytes are in the payload. */
  normalPages: number;
  /** z: number of zero pages, which have no bytes in the payload. */
  zeroPages: number;
  /**
   * Number of runs of zero pages, in a packet that has nothing else (FLAG_ZERO_RUNS, docs/wire.md, 14). Then `offsets` has
   * a pair for each: byte offset in the block, and length in bytes.
   */
  zeroRuns: number;
  /** Bytes after the header; 0 if there are no normal pages. */
  payloadSize: number;
  /** One count for all channels of a source, which our destination checks at each sync (docs/wire.md, 4.3). Gives no order. */
  packetNumber: number;
  /** The block of all offsets; empty if there are no pages. */
  blockName: string;
  /** C entries, byte offsets in the block: the n normal pages, then the z zero pages; or pairs. The rest is stale. */
  readonly offsets: Float64Array;
}

/**
 * Creates an empty packet with room for the most pages of `pageSize` bytes.
 * @throws MultifdError `usage` if `pageSize` is not a page size.
 */
export function createRamPacket(pageSize: number): RamPacket {
  requirePageSize(pageSize);
  return {
    flags: 0,
    pagesAllocated: 0,
    normalPages: 0,
    zeroPages: 0,
    zeroRuns: 0,
    payloadSize: 0,
    packetNumber: 0,
    blockName: '',
    offsets: new Float64Array(maxPagesPerPacket(pageSize)),
  };
}
