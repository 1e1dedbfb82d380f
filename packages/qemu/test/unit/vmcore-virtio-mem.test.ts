import { describe, expect, it } from 'vitest';
import { type DecodedDevice, mapMemory } from '../../src/index.js';

const MIB = 2 ** 20;
const GIB = 2 ** 30;
const UNIT = 2 * MIB;
/** 128 of the device's blocks: two words of its bitmap. */
const LENGTH = 256 * MIB;

/** A virtio-mem in a slot with these blocks of it plugged. */
function device(slot: number, address: number, plugged: readonly number[], size?: number): DecodedDevice {
  const words = Buffer.alloc(LENGTH / UNIT / 8);
  for (const word of [0, 1]) {
    const bits = plugged
      .filter((bit) => Math.floor(bit / 64) === word)
      .reduce((all, bit) => all | (1n << BigInt(bit % 64)), 0n);
    words.writeBigUInt64BE(bits, 8 * word);
  }
  return {
    name: `0000:00:0${slot}.0/virtio-mem-device-early`,
    instanceId: 0,
    state: {
      tmp: { addr: address, region_size: LENGTH, block_size: UNIT, node: 0 },
      size: size ?? plugged.length * UNIT,
      bitmap: words.toString('hex'),
    },
  };
}

const block = (slot: number) => ({ name: `0000:00:0${slot}.0/vm${slot}`, length: LENGTH });
const BLOCKS = [
  { name: 'pc.ram', length: 64 * MIB },
  block(1),
  block(2),
  { name: '0000:00:01.0/virtio-mem.rom', length: 2 ** 16 },
  { name: '0000:00:03.0/vga.vram', length: 16 * MIB },
  { name: '0000:00:04.0/bochs-display-vram', length: 16 * MIB },
  { name: '/rom@etc/acpi/tables', length: 2 ** 17 },
];

function mapOf(devices: readonly DecodedDevice[]) {
  const { ranges, leftOut } = mapMemory({ machineType: 'q35', blocks: BLOCKS, devices });
  const show = ranges
    .filter(({ block }) => block.includes('/vm'))
    .map(({ block, offset, address, length }) => [
      block.slice(-3),
      offset / UNIT,
      (address - 4 * GIB) / UNIT,
      length / UNIT,
    ]);
  return { show, leftOut: leftOut.map(({ name }) => name) };
}

describe('memory of virtio-mem in a dump', () => {
  it('is what is plugged, in runs, at the addresses that the device has', () => {
    const one = device(1, 5 * GIB, [0, 1, 2, 63, 64, 127]);
    const two = device(2, 4 * GIB, [8]);
    expect(mapOf([one, two])).toEqual({
      show: [
        ['vm2', 8, 8, 1],
        ['vm1', 0, 512, 3],
        ['vm1', 63, 512 + 63, 2],
        ['vm1', 127, 512 + 127, 1],
      ],
      leftOut: [],
    });
    expect(mapOf([device(1, 5 * GIB, []), two])).toMatchObject({ show: [['vm2', 8, 8, 1]], leftOut: [] });
  });

  it.each([
    ['has another size than what is plugged', device(1, 5 * GIB, [0, 1], UNIT)],
    ['is below 4 GiB', device(1, GIB, [0])],
    ['overlaps the other', device(1, 4 * GIB + UNIT, [0])],
    ['has its state without names', { ...device(1, 5 * GIB, [0]), state: {} }],
    ['says nothing of it before RAM', { name: '0000:00:01.0/virtio-mem', instanceId: 0, state: {} }],
  ])('is left out, by name, if the device %s', (what, odd) => {
    const both = what.startsWith('overlaps') ? [block(2).name] : [];
    const { leftOut, show } = mapOf([odd, device(2, 4 * GIB, [8])]);
    expect(leftOut).toEqual([block(1).name, ...both]);
    expect(show).toHaveLength(1 - both.length);
  });

  it('is left out, by name, if nothing is known of the devices', () => {
    expect(mapOf([])).toEqual({ show: [], leftOut: [block(1).name, block(2).name] });
  });
});
