import { WireError } from '../errors.js';
import { hex } from './bytes.js';
import { COMPRESSION_MASK, MAX_ZERO_RUN, PACKET_OFFSETS_AT, QEMU_METHODS } from './layout.js';
import type { RamPacket } from './ram-packet.js';
import { quote } from './text.js';

/**
 * Checks every offset against the block before memory is accessed: it must be a multiple of the page size, with the
 * whole page inside the block. The caller looks the block up.
 * @param packet as a decoder fills it: its offsets are integers from 0 to 2^53 - 1.
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
  // `&` takes an integer modulo 2^32, which keeps the bits below a page of at most 2^31 bytes.
  const inPage = pageSize - 1;
  const { offsets } = packet;
  for (let i = 0; i < count; i++) {
    const offset = offsets[i];
    if (offset <= last && (offset & inPage) === 0) continue;
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
 * Checks every run of zero pages against the block: whole pages inside it, at most `MAX_ZERO_RUN` bytes.
 * @param packet as a decoder fills it, with runs.
 * @param block `length` in bytes, at least one page.
 * @throws WireError `protocol`.
 */
export function checkZeroRuns(
  packet: RamPacket,
  block: { readonly name: string; readonly length: number },
  pageSize: number,
  where: string,
): void {
  const { offsets } = packet;
  for (let run = 0; run < packet.zeroRuns; run++) {
    const offset = offsets[2 * run] ?? 0;
    const length = offsets[2 * run + 1] ?? 0;
    const isWhole = offset % pageSize === 0 && length % pageSize === 0;
    // Both are below 2^53, so the difference is exact.
    if (isWhole && length > 0 && length <= MAX_ZERO_RUN && offset <= block.length - length) continue;
    throw new WireError({
      where,
      field: `zero run[${run}]`,
      offset: PACKET_OFFSETS_AT + 16 * run,
      expected: `whole pages of ${pageSize} bytes, at most ${MAX_ZERO_RUN} bytes, in block ${quote(block.name)} of ${block.length}`,
      got: `${length} bytes at ${offset}`,
    });
  }
}

/**
 * Finds the method that made a packet among this end's. Only packets with pages name it (docs/wire.md, 4.3).
 * @param methods this end's; a flag is 0 for `none`, else within COMPRESSION_MASK.
 * @param packet one with pages.
 * @returns the packet's method.
 * @throws WireError `incompatible`.
 */
export function checkCompression<Method extends { readonly name: string; readonly flag: number }>(
  packet: RamPacket,
  methods: readonly Method[],
  where: string,
): Method {
  const flag = packet.flags & COMPRESSION_MASK;
  const found = methods.find((method) => method.flag === flag);
  if (found !== undefined) return found;
  const got = methodName(flag);
  throw new WireError(
    {
      where,
      field: 'compression flags',
      offset: 8,
      expected: `${methods.map((method) => `${method.name} (${hex(method.flag)})`).join(' or ')}, which this end uses`,
      got: `${got} (${hex(flag)}), which the peer uses`,
    },
    'incompatible',
    'set multifd-compression to the same method on both ends',
  );
}

function methodName(flag: number): string {
  return QEMU_METHODS.get(flag) ?? "a method that is not QEMU's";
}
