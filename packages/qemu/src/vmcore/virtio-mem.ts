import type { DecodedDevice } from '../inspect/devices.js';
import { bytesOf, isStruct } from './fields.js';
import { ABOVE_4G } from './machine.js';
import type { MappedBlock, PhysicalRange } from './memory-map.js';

/** What QEMU 8.0 and newer machine types send before RAM: where the device's memory is, and which parts are plugged. */
const EARLY = 'virtio-mem-device-early';
/** The rest of the device, which older machine types have too: bytes without names. */
const LATE = 'virtio-mem';

/** Memory of virtio-mem devices. */
export interface VirtioMem {
  /** The plugged parts, ascending and apart. */
  readonly ranges: readonly PhysicalRange[];
  /** Names of the blocks whose place is known, whether or not any part is plugged. */
  readonly placed: ReadonlySet<string>;
}

interface Plugged {
  readonly block: string;
  readonly address: number;
  /** Bytes of the whole region. */
  readonly length: number;
  readonly ranges: readonly PhysicalRange[];
}

/**
 * The parts that are plugged, as `dump-guest-memory` has them. A device whose state is not as QEMU writes it, or whose region
 * overlaps another's, has no place here.
 * @param above end of the machine's own RAM, as an address.
 */
export function virtioMem(
  blocks: readonly MappedBlock[],
  devices: readonly DecodedDevice[],
  above: number,
): VirtioMem {
  const all = devices
    .flatMap((device) => pluggedOf(device, blocks) ?? [])
    .filter(({ address }) => address >= Math.max(ABOVE_4G, above))
    .toSorted((a, b) => a.address - b.address);
  const apart = all.filter((one) => all.every((other) => one === other || !overlap(one, other)));
  return {
    ranges: apart.flatMap(({ ranges }) => ranges),
    placed: new Set(apart.map(({ block }) => block)),
  };
}

/** Whether a block in a device's slot is the memory of a virtio-mem there; undefined if nothing is known of devices. */
export function isVirtioMem(name: string, devices: readonly DecodedDevice[]): boolean | undefined {
  const slot = /^.+?\//.exec(name)?.[0];
  if (slot === undefined) return false;
  if (devices.length === 0) return undefined;
  return devices.some((device) => device.name === `${slot}${EARLY}` || device.name === `${slot}${LATE}`);
}

function pluggedOf({ name, state }: DecodedDevice, blocks: readonly MappedBlock[]): Plugged | undefined {
  if (!name.endsWith(`/${EARLY}`)) return undefined;
  const slot = name.slice(0, -EARLY.length);
  const { tmp, size } = state;
  const bitmap = bytesOf(state.bitmap);
  if (!isStruct(tmp) || bitmap === undefined || typeof size !== 'number') return undefined;
  const { addr: address, region_size: length, block_size: unit } = tmp;
  if (typeof address !== 'number' || typeof length !== 'number' || typeof unit !== 'number') return undefined;
  // Beside it there may be a ROM.
  const [block, ...others] = blocks.filter((each) => each.name.startsWith(slot) && each.length === length);
  if (block === undefined || others.length > 0 || unit <= 0 || length % unit !== 0) return undefined;
  const ranges = runsOf(bitmap, length / unit).map(({ start, count }) => ({
    block: block.name,
    offset: start * unit,
    address: address + start * unit,
    length: count * unit,
  }));
  const plugged = ranges.reduce((sum, range) => sum + range.length, 0);
  const fits = plugged === size && Number.isSafeInteger(address + length);
  return fits ? { block: block.name, address, length, ranges } : undefined;
}

/** Runs of bits that are set. A bitmap in a stream is words of 64 bits, big endian. */
function runsOf(bitmap: Uint8Array, bits: number): { start: number; count: number }[] {
  const runs: { start: number; count: number }[] = [];
  for (let bit = 0; bit < bits; bit++) {
    // The last byte of a word has its first bits.
    const byte = bitmap[Math.floor(bit / 64) * 8 + 7 - Math.floor((bit % 64) / 8)] ?? 0;
    if ((byte & (1 << (bit % 8))) === 0) continue;
    const last = runs.at(-1);
    if (last !== undefined && last.start + last.count === bit) last.count++;
    else runs.push({ start: bit, count: 1 });
  }
  return runs;
}

function overlap(one: Plugged, other: Plugged): boolean {
  return one.address < other.address + other.length && other.address < one.address + one.length;
}
