import { describe, expect, it } from 'vitest';
import { type DecodedDevice, mapMemory } from '../../src/index.js';

const MIB = 2 ** 20;
const GIB = 2 ** 30;
const LOW = '0+0xc0000 pc.ram+0';

/** As addresses. */
function mapOf(machineType: string, ram: number, devices: readonly DecodedDevice[] = []): string[] {
  return show(mapMemory({ machineType, blocks: [{ name: 'pc.ram', length: ram }], devices }).ranges);
}

function show(ranges: ReturnType<typeof mapMemory>['ranges']): string[] {
  return ranges.map(
    ({ address, length, block, offset }) =>
      `${address.toString(16)}+0x${length.toString(16)} ${block}+${offset.toString(16)}`,
  );
}

/** A CMOS that notes RAM as QEMU does, in units of 64 KiB. */
function cmos(below4g: number, above4g: number): DecodedDevice {
  const bytes = Buffer.alloc(128);
  bytes.writeUInt16LE((below4g - 16 * MIB) / 2 ** 16, 0x34);
  bytes.writeUIntLE(above4g / 2 ** 16, 0x5b, 3);
  return { name: 'mc146818rtc', instanceId: 0, state: { cmos_data: bytes.toString('hex') } };
}

/** The host bridge's configuration with these bytes. */
function bridge(name: string, bytes: Readonly<Record<number, number>>): DecodedDevice {
  const config = Buffer.alloc(256);
  for (const [at, byte] of Object.entries(bytes)) config[Number(at)] = byte;
  return { name, instanceId: 0, state: { parent_obj: { 'config[0]': config.toString('hex') } } };
}

describe('the memory map', () => {
  it.each([
    ['pc-i440fx-10.0', 3.5 * GIB - MIB, ['0+0xdff00000 pc.ram+0']],
    ['pc-i440fx-10.0', 3.5 * GIB, ['0+0xc0000000 pc.ram+0', '100000000+0x20000000 pc.ram+c0000000']],
    ['pc-q35-10.0', 2.75 * GIB - MIB, ['0+0xaff00000 pc.ram+0']],
    ['pc-q35-rhel9.4.0', 2.75 * GIB, ['0+0x80000000 pc.ram+0', '100000000+0x30000000 pc.ram+80000000']],
    ['q35', 64 * GIB, ['0+0x80000000 pc.ram+0', '100000000+0xf80000000 pc.ram+80000000']],
  ])('of %s with %d bytes of RAM', (machine, ram, expected) => {
    expect(mapOf(machine, ram)).toEqual(expected);
  });

  it('follows the CMOS, and only if its sizes make up the RAM', () => {
    const halves = ['0+0x40000000 pc.ram+0', '100000000+0x40000000 pc.ram+40000000'];
    expect(mapOf('pc', 2 * GIB, [cmos(GIB, GIB)])).toEqual(halves);
    expect(mapOf('pc', 2 * GIB, [cmos(GIB, 2 * GIB)])).toEqual(['0+0x80000000 pc.ram+0']);
    expect(mapOf('pc', 2 * GIB, [{ ...cmos(GIB, GIB), state: { cmos_data: 'ff' } }])).toHaveLength(1);
  });

  it('shows ROMs where the chipset does not show RAM', () => {
    const blocks = [
      { name: 'pc.ram', length: 16 * MIB },
      { name: 'pc.bios', length: 2 ** 18 },
      { name: 'pc.rom', length: 2 ** 17 },
    ];
    const ranges = (devices: readonly DecodedDevice[]) =>
      show(mapMemory({ machineType: 'q35', blocks, devices }).ranges);
    const top = 'fffc0000+0x40000 pc.bios+0';
    // As firmware leaves it: without the registers, and with all of them on.
    expect(ranges([])).toEqual(['0+0x1000000 pc.ram+0', top]);
    const all = Object.fromEntries([0, 1, 2, 3, 4, 5, 6].map((at) => [0x90 + at, 0x33]));
    expect(ranges([bridge('0000:00:00.0/mch', all)])).toEqual(['0+0x1000000 pc.ram+0', top]);
    expect(ranges([bridge('0000:00:00.0/mch', {})])).toEqual([
      LOW,
      'c0000+0x20000 pc.rom+0',
      'e0000+0x20000 pc.bios+20000',
      '100000+0xf00000 pc.ram+100000',
      top,
    ]);
    // RAM for the first 16 KiB alone; the registers of another chipset say nothing.
    expect(ranges([bridge('0000:00:00.0/mch', { 145: 1 })]).slice(0, 2)).toEqual([
      '0+0xc4000 pc.ram+0',
      'c4000+0x1c000 pc.rom+4000',
    ]);
    expect(ranges([bridge('0000:00:00.0/I440FX', {})])).toHaveLength(2);
  });

  it('has the window of a card, unless the guest has opened it, and the memory behind its BAR', () => {
    const blocks = [
      { name: 'pc.ram', length: 16 * MIB },
      { name: '0000:00:02.0/vga.vram', length: MIB },
    ];
    const card = (bar: number, command = 3): DecodedDevice => {
      const config = Buffer.alloc(256);
      config.writeUInt16LE(command, 4);
      config.writeUInt16LE(0x0300, 10);
      config.writeUInt32LE(bar, 0x10);
      return { name: '0000:00:02.0/vga', instanceId: 0, state: { dev: { config: config.toString('hex') } } };
    };
    const ranges = (...devices: readonly DecodedDevice[]) =>
      show(mapMemory({ machineType: 'pc', blocks, devices }).ranges);
    const ram = ['0+0xa0000 pc.ram+0', 'c0000+0xf40000 pc.ram+c0000'];
    expect(ranges(card(0xfd000008))).toEqual([...ram, 'fd000000+0x100000 0000:00:02.0/vga.vram+0']);
    expect(ranges(card(0xfd000008, 1))).toEqual(ram);
    // Over RAM, or beyond 4 GiB: a guest can write anything there.
    expect(ranges(card(0x00100008))).toEqual(ram);
    expect(ranges(card(0xfff80008))).toEqual(ram);
    const open = bridge('0000:00:00.0/I440FX', {
      114: 0x40,
      ...Object.fromEntries([0, 1, 2, 3, 4, 5, 6].map((at) => [0x59 + at, 0x33])),
    });
    expect(ranges(card(0), open)).toEqual(['0+0x1000000 pc.ram+0']);
  });

  it('takes memory backends by name, in their order, and names what it leaves out', () => {
    const blocks = ['mb', 'ma', '0000:00:03.0/e1000e.rom', 'pc.bios'].map((name) => ({
      name,
      length: 2 ** 22,
    }));
    const request = { machineType: 'pc', blocks, devices: [] };
    expect(() => mapMemory(request)).toThrow(/the RAM blocks mb, ma: nothing says in which order/);
    expect(() => mapMemory({ ...request, ram: ['ma', 'mc'] })).toThrow(/RAM block mc: there is no such/);
    expect(() => mapMemory({ ...request, ram: ['ma', 'ma'] })).toThrow(/RAM block ma: it is there twice/);
    expect(show(mapMemory({ ...request, ram: ['ma', 'mb'] }).ranges).slice(0, 2)).toEqual([
      '0+0x400000 ma+0',
      '400000+0x400000 mb+0',
    ]);
    expect(mapMemory({ ...request, ram: ['ma'] }).leftOut).toEqual([{ name: 'mb', length: 2 ** 22 }]);
    expect(() => mapMemory({ ...request, blocks: blocks.slice(2) })).toThrow(/none of the RAM blocks/);
  });

  it.each([
    ['microvm', GIB, /machine type microvm: its memory map is not known/],
    ['virt-10.0', GIB, /machine type virt-10\.0/],
    ['pc', 2 ** 19, /a PC has at least 1 MiB/],
    ['pc', 2 ** 40, /where QEMU puts them is not known/],
  ])('refuses %s with %d bytes of RAM', (machine, ram, message) => {
    expect(() => mapOf(machine, ram)).toThrow(message);
  });
});
