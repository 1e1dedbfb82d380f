import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { openRamBlockSync } from '@multifd/core';
import { describe, expect, it } from 'vitest';
import { inspectFile, openMappedRam, openStream, VmcoreWriter } from '../../src/index.js';
import { checkMachine } from '../../src/vmcore/memory-map.js';
import { guestNote, guestNotePlace } from '../../src/vmcore/vmcoreinfo.js';
import { placesOf, readElf, readPhysical } from '../support/elf.js';
import { TestFolder } from '../support/folder.js';

const PAGE = 4096;
const GIB = 2 ** 30;

/** A guest of QEMU's, unpacked. */
function unpack(folder: TestFolder, name: string): string {
  const path = folder.file('guest.mig');
  writeFileSync(path, gunzipSync(readFileSync(join(import.meta.dirname, 'vectors', `${name}.gz`))));
  return path;
}

describe('a dump', () => {
  it('holds the registers and the memory of a guest that QEMU stored with mapped-ram', async () => {
    using folder = new TestFolder();
    const path = unpack(folder, '10.0-pc.mapped-ram');
    const guest = openMappedRam(path);
    const file = folder.open('core');
    const writer = new VmcoreWriter(file);
    const incoming = writer.openRam(guest.ram.blocks, guest.machineType);
    const main = incoming.blocks.findIndex(({ name }) => guest.ram.blocks[0]?.name === name);
    const target = incoming.blocks[main];
    if (target === undefined) throw new Error('no RAM');
    const block = openRamBlockSync(target);
    block.write(2 ** 20, new Uint8Array(PAGE).fill(7));
    block.close();
    const summary = await writer.finish(guest);
    expect(summary).toMatchObject({ processors: 1, vmcoreinfo: false, below4gFrom: 'machine', leftOut: [] });
    const dump = readElf(file.path);
    expect(placesOf(dump)[0]).toMatch(/^0x0\+/);
    expect(readPhysical(file.path, 2 ** 20, PAGE).every((byte) => byte === 7)).toBe(true);
    expect(readPhysical(file.path, 2 ** 20 + PAGE, PAGE).every((byte) => byte === 0)).toBe(true);
    expect(statSync(file.path).blocks * 512).toBeLessThan(2 ** 20);
    // What the notes say is what inspect says.
    const state = inspectFile(path).devices?.find(({ name }) => name === 'cpu')?.state ?? {};
    const own = dump.notes.subarray(dump.notes.indexOf('QEMU\0') + 8);
    expect(own.readUInt32LE(4)).toBe(440);
    const word = (at: number): bigint => own.readBigUInt64LE(at);
    expect(BigInt(String(state['env.eip']))).toBe(word(8 + 16 * 8));
    expect(BigInt(String(state['env.cr[3]']))).toBe(word(8 + 18 * 8 + 10 * 24 + 3 * 8));
  });

  it('is refused for a machine that is none of ours, and where no RAM was opened', async () => {
    using folder = new TestFolder();
    const devices = { deviceState: [], rawDeviceState: { vmdesc: undefined } };
    const writer = new VmcoreWriter(folder.open('core'));
    await expect(writer.finish({ machineType: 'pc', ...devices })).rejects.toThrow(/before RAM was opened/);
    writer.openRam([{ name: 'pc.ram', length: 2 ** 22 }], 'pc');
    await expect(writer.finish({ machineType: 's390-ccw-virtio-10.0', ...devices })).rejects.toThrow(
      /machine type s390-ccw-virtio-10\.0: its memory map is not known/,
    );
  });

  it.each([
    ['isapc', [['pc.ram', 2 ** 22]], /machine type isapc: its memory map is not known/],
    ['virt-10.0', [['mach-virt.ram', 2 ** 22]], /machine type virt-10\.0: its memory map is not known/],
    ['none', [['pc.ram', 2 ** 22]], /machine type none: its memory map is not known/],
    ['pc', [['pc.ram', 1011 * GIB + PAGE]], /bytes of RAM: where QEMU puts them is not known/],
    ['q35', [['pc.ram', 1010 * GIB + PAGE]], /bytes of RAM: where QEMU puts them is not known/],
    ['q35', [['pc.ram', 2 ** 19]], /524288 bytes of RAM: a PC has at least 1 MiB/],
    [
      'q35',
      [
        ['m0', GIB],
        ['m1', GIB],
      ],
      /the RAM blocks m0, m1: nothing says in which order/,
    ],
  ] as const)('of %s with %j is refused before the guest has come', (machineType, sizes, message) => {
    using folder = new TestFolder();
    const file = folder.open('core');
    const blocks = sizes.map(([name, length]) => ({ name, length }));
    expect(() => new VmcoreWriter(file).openRam(blocks, machineType)).toThrow(message);
    expect(statSync(file.path).size).toBe(0);
  });

  it.each([
    ['pc', 1011],
    ['q35', 1010],
  ])('of %s may have %d GiB, which end where RAM would be moved', (machineType, gib) => {
    const blocks = [{ name: 'pc.ram', length: gib * GIB }];
    expect(() => checkMachine({ machineType, blocks })).not.toThrow();
  });

  it('takes a processor only as QEMU has it', async () => {
    using folder = new TestFolder();
    const writer = new VmcoreWriter(folder.open('core'));
    writer.openRam([{ name: 'pc.ram', length: 2 ** 22 }], 'pc');
    const vmdesc = JSON.stringify({
      page_size: PAGE,
      devices: [
        { name: 'cpu', instance_id: 0, size: 1, fields: [{ name: 'env.regs', type: 'uint8', size: 1 }] },
      ],
    });
    const cpu = { idstr: 'cpu', instanceId: 0, versionId: 12, body: Uint8Array.of(1) };
    const content = { machineType: 'pc', deviceState: [cpu], rawDeviceState: { vmdesc } };
    await expect(writer.finish(content)).rejects.toThrow(/device cpu 0: field env\.regs is not an array/);
  });
});

describe("the guest's own note", () => {
  const state = (size: number, paddr: number, format = 1) => ({
    has_vmcoreinfo: true,
    'vmcoreinfo.guest_format': format,
    'vmcoreinfo.size': size,
    'vmcoreinfo.paddr': paddr,
  });
  const place = (members: ReturnType<typeof state>) =>
    guestNotePlace([{ name: 'vmcoreinfo', instanceId: 0, state: members }]);

  it('is where the guest says, unless that cannot be', () => {
    expect(place(state(64, 4096))).toEqual({ address: 4096, size: 64 });
    expect(place({ ...state(64, 4096), has_vmcoreinfo: false })).toBeUndefined();
    expect(place(state(64, 4096, 0))).toBeUndefined();
    expect(place(state(4, 4096))).toBeUndefined();
    expect(place(state(2 ** 21, 4096))).toBeUndefined();
    expect(guestNotePlace([])).toBeUndefined();
  });

  it('ends where it says, within what there is', () => {
    const bytes = new Uint8Array(64);
    const view = new DataView(bytes.buffer);
    view.setUint32(0, 11, true);
    view.setUint32(4, 5, true);
    expect(guestNote(bytes)).toHaveLength(12 + 12 + 8);
    view.setUint32(4, 2 ** 32 - 1, true);
    expect(guestNote(bytes)).toBeUndefined();
    expect(guestNote(new Uint8Array(64))).toBeUndefined();
    expect(guestNote(new Uint8Array(4))).toBeUndefined();
  });
});

describe('a single stream', () => {
  it.each(['10.0-q35.stream', '7.2-pc.stream'])('gives the pages of %s that inspect counts', (name) => {
    using folder = new TestFolder();
    const path = unpack(folder, name);
    const { blocks, machineType } = inspectFile(path);
    const guest = openStream(path);
    expect(guest).toMatchObject({ machineType });
    const pages = new Map<string, Set<number>>(blocks.map((block) => [block.name, new Set()]));
    const steps = guest.readRam({
      page: (block, offset, data, again) => {
        expect(data).toHaveLength(PAGE);
        expect(again).toBe(pages.get(block)?.has(offset));
        pages.get(block)?.add(offset);
      },
      zero: (block, offset) => expect(pages.get(block)?.delete(offset)).toBe(true),
    });
    const places = [...steps];
    expect(places).toEqual(places.toSorted((a, b) => a - b));
    expect([...pages].map(([block, set]) => [block, set.size])).toEqual(
      blocks.map((block) => [block.name, block.normalPages]),
    );
  });

  it('is none with mapped-ram', () => {
    using folder = new TestFolder();
    expect(() => openStream(unpack(folder, '10.0-pc.mapped-ram'))).toThrow(/capability mapped-ram/);
  });
});
