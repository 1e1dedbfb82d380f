import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { DirtyBitmap, openRamBlockSync, type RawDeviceState, type StreamConfiguration } from '@multifd/core';
import { describe, expect, it } from 'vitest';
import { openMappedRam } from '../../src/mapped-ram/guest.js';
import { MappedRamWriter } from '../../src/mapped-ram/writer.js';
import { MemorySource } from '../../src/stream/byte-source.js';
import { type MigrationFile, readMigrationFile } from '../../src/stream/read.js';
import { TestFolder } from '../support/folder.js';

const PAGE = 4096;
const VECTORS = ['7.2-pc.stream', '10.0-q35.stream', '10.0-pc.mapped-ram'];

/** A FULL section, as a file has it. */
function full(id: number, idstr: string, body: Uint8Array): Buffer {
  const head = Buffer.alloc(6 + idstr.length + 8);
  head.writeUInt8(4, 0);
  head.writeUInt32BE(id, 1);
  head.writeUInt8(idstr.length, 5);
  head.write(idstr, 6, 'latin1');
  head.writeUInt32BE(1, head.length - 4);
  const foot = Buffer.alloc(5);
  foot.writeUInt8(0x7e, 0);
  foot.writeUInt32BE(id, 1);
  return Buffer.concat([head, body, foot]);
}

const NO_BITMAP = Buffer.from('01000000420c64697274792d6269746d61700000000000000001017e00000042', 'hex');
/** More than the front of a file usually has room for. */
const LARGE = new Uint8Array(3 * 2 ** 20 + 5).fill(0xa5);
const DEVICES = [
  { idstr: 'vmem-before', body: LARGE },
  { idstr: 'vmem-behind', body: Uint8Array.of(1, 2, 3) },
  { idstr: 'timer', body: new Uint8Array(24) },
] as const;

function state(): RawDeviceState {
  const description = JSON.stringify({
    page_size: PAGE,
    devices: DEVICES.map(({ idstr, body }) => ({
      name: idstr,
      instance_id: 0,
      size: body.length,
      fields: [{ name: 'data', type: 'buffer', size: body.length }],
    })),
  });
  const [before, behind, late] = DEVICES.map(({ idstr, body }, id) => full(id, idstr, body));
  const tail = Buffer.alloc(6);
  tail.writeUInt8(6, 1);
  tail.writeUInt32BE(description.length, 2);
  return {
    beforeRam: Buffer.concat([before ?? Buffer.alloc(0), NO_BITMAP]),
    early: behind ?? Buffer.alloc(0),
    bytes: Buffer.concat([late ?? Buffer.alloc(0), tail, Buffer.from(description)]),
  };
}

/** Each byte of a file lies in one part, and what a destination is to get is there again. */
function expectAccounted(bytes: Uint8Array, file: MigrationFile): void {
  let at = file.sections[0]?.offset ?? -1;
  expect(at).toBe(9 + 4 + file.machineType.length + configurationSize(file));
  const around: Buffer[] = [];
  let inRounds = false;
  for (const { kind, name, offset, size } of file.sections) {
    expect(offset, `${kind} ${name}`).toBe(at);
    at += size;
    const isRam = name === 'ram';
    inRounds ||= isRam && kind !== 'start';
    if (!inRounds && kind !== 'command' && !isRam) around.push(Buffer.from(bytes.subarray(offset, at)));
    if (kind === 'end') break;
  }
  expect(Buffer.concat(around).equals(Buffer.concat([file.beforeRam, file.earlyState]))).toBe(true);
  expect(Buffer.from(file.deviceState).equals(bytes.subarray(at))).toBe(true);
}

function configurationSize({ capabilities, targetPageBits, uuid }: MigrationFile): number {
  const head = (name: string): number => 1 + 1 + name.length + 4;
  const names = capabilities.reduce((sum, name) => sum + 1 + name.length, 0);
  return (
    (targetPageBits === undefined ? 0 : head('configuration/target-page-bits') + 4) +
    (capabilities.length === 0 ? 0 : head('configuration/capabilities') + 4 + names) +
    (uuid === undefined ? 0 : head('configuration/uuid') + 16)
  );
}

describe('every byte of a file is accounted for', () => {
  it.each(VECTORS)('%s, which QEMU wrote', (name) => {
    const bytes = gunzipSync(readFileSync(join(import.meta.dirname, 'vectors', `${name}.gz`)));
    expectAccounted(bytes, readMigrationFile(new MemorySource(bytes)));
  });

  it('one of ours, with sections before START and behind it, page bits and a uuid', async () => {
    using folder = new TestFolder();
    const { path, content, block } = await write(folder);
    const bytes = readFileSync(path);
    const file = readMigrationFile(new MemorySource(bytes));
    expectAccounted(bytes, file);
    expect(Buffer.from(file.beforeRam).equals(content.rawDeviceState.beforeRam ?? Buffer.alloc(0))).toBe(
      true,
    );
    const guest = openMappedRam(path);
    expect(guest.configuration).toEqual(content.configuration);
    const { beforeRam, early, bytes: tail } = guest.rawDeviceState;
    expect(Buffer.from(beforeRam ?? []).equals(content.rawDeviceState.beforeRam ?? Buffer.alloc(0))).toBe(
      true,
    );
    expect(Buffer.from(early).equals(content.rawDeviceState.early)).toBe(true);
    expect(Buffer.from(tail).equals(content.rawDeviceState.bytes)).toBe(true);
    expect(guest.deviceState?.map(({ idstr, early, beforeRam }) => [idstr, early, beforeRam])).toEqual([
      ['vmem-before', true, true],
      ['vmem-behind', true, undefined],
      ['timer', undefined, undefined],
    ]);
    const stored = openRamBlockSync({ ...block, path, writable: false });
    const page = new Uint8Array(PAGE);
    stored.read(3 * PAGE, PAGE, page);
    stored.close();
    expect(page).toEqual(new Uint8Array(PAGE).fill(0x3c));
  });

  it('a writer that was not told what came before RAM has no room for it, and says so', async () => {
    using folder = new TestFolder();
    await expect(write(folder, 0)).rejects.toThrow(/openRam was not told/);
  });
});

describe('what cannot be kept at its place is refused', () => {
  const PART = '02 00000001 0000000000000010 7e 00000001';
  const END = '03 00000001 0000000000000010 7e 00000001';
  const START =
    '01 00000001 03 72616d 00000000 00000004 0000000000001004 01 61 0000000000001000 0000000000000010 7e 00000001';
  const VMEM = full(5, 'vmem', Uint8Array.of(1)).toString('hex');
  it.each([
    ['a device behind the first PART', [START, PART, VMEM, END], /only before the first round/, undefined],
    ['an END behind END', [START, END, END], /nothing of RAM behind its END/, undefined],
    ['a PART behind END', [START, END, PART], /nothing of RAM behind its END/, undefined],
    [
      'dirty bitmaps with a bitmap',
      [START, '01 00000042 0c 64697274792d6269746d6170 00000000 00000001 13'],
      /dirty-bitmap/,
      /capability dirty-bitmaps off/,
    ],
    ['another live section', [START, '01 00000042 04 7666696f'], /vfio/, /live state of vfio/],
  ] as const)('%s', (_, parts, message, hint) => {
    const text = JSON.stringify({
      page_size: PAGE,
      devices: [
        { name: 'vmem', instance_id: 0, size: 1, fields: [{ name: 'data', type: 'buffer', size: 1 }] },
      ],
    });
    const front = '5145564d 00000003 07 00000001 78';
    const bytes = Buffer.concat([
      Buffer.from([front, ...parts].join('').replaceAll(' ', ''), 'hex'),
      Buffer.from([0, 6, 0, 0, 0, text.length]),
      Buffer.from(text),
    ]);
    const read = () => readMigrationFile(new MemorySource(bytes));
    expect(read).toThrow(message);
    const what = { hint: hint === undefined ? undefined : expect.stringMatching(hint) };
    expect(read).toThrow(expect.objectContaining(what));
  });
});

async function write(folder: TestFolder, ahead?: number) {
  const writer = new MappedRamWriter(folder.open('guest.mig'));
  const { path } = writer;
  const rawDeviceState = state();
  const blocks = [
    { name: 'mach-virt.ram', length: 16 * PAGE },
    { name: 'virt.flash0', length: 2 * PAGE },
  ];
  const { blocks: opened } = writer.openRam(blocks, ahead ?? rawDeviceState.beforeRam?.length);
  const receivedPages = blocks.map(({ length }) => DirtyBitmap.allocate(length / PAGE));
  const [block] = opened;
  if (block?.kind !== 'file') throw new Error('no file');
  const ram = openRamBlockSync(block);
  ram.write(3 * PAGE, new Uint8Array(PAGE).fill(0x3c));
  ram.close();
  receivedPages[0]?.mark(3);
  const uuid = Uint8Array.from({ length: 16 }, (_, index) => index);
  const configuration: StreamConfiguration = { targetPageBits: 12, uuid };
  const content = { machineType: 'virt-10.0', configuration, rawDeviceState };
  await writer.finish({ ...content, receivedPages: receivedPages.map(({ buffer }) => buffer) });
  return { path, content, block };
}
