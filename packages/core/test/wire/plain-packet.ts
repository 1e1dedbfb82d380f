import type { RamPacket } from '../../src/public/wire.js';

/** A packet as plain data, without the stale entries of its offset list. */
export function plainPacket(packet: RamPacket): Readonly<Record<string, unknown>> {
  const count = packet.normalPages + packet.zeroPages;
  return { ...packet, offsets: Array.from(packet.offsets.subarray(0, count)) };
}
