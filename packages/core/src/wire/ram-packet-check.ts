import { WireError } from '../errors.js';
import { hex } from './bytes.js';
import { COMPRESSION_MASK, PACKET_OFFSETS_AT } from './layout.js';
import type { RamPacket } from './ram-packet.js';
import { quote } from './text.js';

/** Names of `multifd-compression`, by the bits in the packet flags (wire reference 4.3). */
const METHODS: ReadonlyMap<number, string> = new Map([
  [0x00, 'none'],
  [0x02, 'zlib'],
  [0x04, 'zstd'],
  [0x08, 'qpl'],
  [0x10, 'uadk'],
  [0x20, 'qatzip'],
]);

/**
 * Checks every offset against the block before memory is touched: a multiple of the page size, and the whole
 * page inside. That the block exists is the caller's look-up.
 * @param block `length` in bytes, at least one page.
 * @throws WireError `protocol`.
 */
export function checkRamPacket(
  packet: RamPacket,
  block: { readonly name: string; readonly length: number },
  pageSize: number,
  where: string,
): void {
  const count = packet.normalPages + packet.zeroPages;
  const last = block.length - pageSize;
  // Exact for powers of two, and cheaper than a remainder of large numbers.
  const pagesPerByte = 1 / pageSize;
  for (let i = 0; i < count; i++) {
    const offset = packet.offsets[i];
    const page = offset * pagesPerByte;
    if (offset <= last && page === Math.floor(page)) continue;
    const expected = `a multiple of ${pageSize} up to ${last}, in block ${quote(block.name)}`;
    throw new WireError({
      where,
      field: `offset[${i}]`,
      offset: PACKET_OFFSETS_AT + 8 * i,
      expected,
      got: `${offset}`,
    });
  }
}

/**
 * Checks that the packet was made with this end's method. Only packets with pages say so (wire reference 4.3).
 * @param expectedFlag the method's bits: 0 for `none`, else within COMPRESSION_MASK.
 * @throws WireError `incompatible`.
 */
export function checkCompression(packet: RamPacket, expectedFlag: number, where: string): void {
  if (packet.normalPages + packet.zeroPages === 0) return;
  const flag = packet.flags & COMPRESSION_MASK;
  if (flag === expectedFlag) return;
  const expected = methodName(expectedFlag);
  const got = methodName(flag);
  throw new WireError(
    {
      where,
      field: 'compression flags',
      offset: 8,
      expected: `${expected} (${hex(expectedFlag)}), which this end uses`,
      got: `${got} (${hex(flag)}), which the peer uses`,
    },
    'incompatible',
    'set multifd-compression to the same method on both ends',
  );
}

function methodName(flag: number): string {
  return METHODS.get(flag) ?? 'an unknown method';
}
