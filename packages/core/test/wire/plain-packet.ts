import type { RamPacket } from '../../src/public/wire.js';

/** A packet as plain data, without the stale entries of its offset list, and without runs if it has none. */
export function plainPacket(packet: RamPacket): Readonly<Record<string, unknown>> {
  const { zeroRuns, ...rest } = packet;
  const count = packet.normalPages + packet.zeroPages + 2 * zeroRuns;
  const offsets = Array.from(packet.offsets.subarray(0, count));
  return zeroRuns === 0 ? { ...rest, offsets } : { ...rest, zeroRuns, offsets };
}
