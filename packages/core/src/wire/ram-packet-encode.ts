import { MultifdError } from '../errors.js';
import { writeU32, writeU64 } from './bytes.js';
import {
  CHANNEL_MAGIC,
  CHANNEL_VERSION,
  maxPagesPerPacket,
  PACKET_OFFSETS_AT,
  packetHeaderSize,
} from './layout.js';
import { writeOffsets } from './page-offsets.js';
import type { RamPacket } from './ram-packet.js';
import { encodeName } from './text.js';

const RESERVED_AT = 36;
const NAME_AT = 64;

/**
 * Writes the header of `packet` over all of `target`, which has exactly `packetHeaderSize(pageSize)` bytes, at any
 * alignment, and may hold stale bytes: unused fields are zeroed. Offsets must be integers from 0 to 2^53 - 1; they
 * are not checked again here.
 * @throws MultifdError `internal` if the sizes or counts do not fit, `usage` for an invalid block name.
 */
export function encodeRamPacket(packet: RamPacket, target: Uint8Array, pageSize: number): void {
  const capacity = maxPagesPerPacket(pageSize);
  // A run takes two entries, which the field of zero pages counts.
  const zero = packet.zeroPages + 2 * packet.zeroRuns;
  const pages = packet.normalPages + zero;
  if (target.length !== packetHeaderSize(pageSize)) {
    throw new MultifdError(
      'internal',
      `packet header: room for ${target.length} bytes, not ${packetHeaderSize(pageSize)}`,
    );
  }
  if (pages > packet.pagesAllocated || packet.pagesAllocated > capacity) {
    throw new MultifdError(
      'internal',
      `packet header: ${pages} pages of ${packet.pagesAllocated} allocated, at most ${capacity}`,
    );
  }
  writeU32(target, 0, CHANNEL_MAGIC);
  writeU32(target, 4, CHANNEL_VERSION);
  writeU32(target, 8, packet.flags);
  writeU32(target, 12, packet.pagesAllocated);
  writeU32(target, 16, packet.normalPages);
  writeU32(target, 20, packet.payloadSize);
  writeU64(target, 24, packet.packetNumber);
  writeU32(target, 32, zero);
  target.fill(0, RESERVED_AT, PACKET_OFFSETS_AT);
  if (pages > 0) writeName(packet.blockName, target);
  writeOffsets(target, PACKET_OFFSETS_AT, packet.offsets, pages);
  target.fill(0, PACKET_OFFSETS_AT + 8 * pages);
}

/** Fast path: block names are almost always plain ASCII, which needs no encoder and no allocation. */
function writeName(name: string, target: Uint8Array): void {
  if (name.length < 1 || name.length > 255) encodeName(name, 'block name');
  for (let i = 0; i < name.length; i++) {
    const unit = name.charCodeAt(i);
    if (unit === 0 || unit > 0x7f) {
      target.set(encodeName(name, 'block name'), NAME_AT);
      return;
    }
    target[NAME_AT + i] = unit;
  }
}
