import { openSync, readdirSync, statSync, writeFileSync, writeSync } from 'node:fs';
import { DirtyBitmap, openRamBlockSync } from '@multifd/core';
import { createRandom, testSeed } from '@multifd/testing/random';
import { describe, expect, it } from 'vitest';
import { inspectFile } from '../../src/inspect/inspect.js';
import { openMappedRam } from '../../src/mapped-ram/guest.js';
import { planLayout } from '../../src/mapped-ram/layout.js';
import { MappedRamWriter } from '../../src/mapped-ram/writer.js';
import { TestFolder } from '../support/folder.js';

const PAGE = 4096;
/** No devices: the end of sections and a description that says so. */
const DESCRIPTION = JSON.stringify({ page_size: PAGE, devices: [] });
const NO_DEVICES = {
  early: new Uint8Array(0),
  bytes: Buffer.concat([Buffer.from([0, 6, 0, 0, 0, DESCRIPTION.length]), Buffer.from(DESCRIPTION)]),
};

describe('mapped-ram files', () => {
  it('plans bitmaps behind their entries and pages at multiples of 1 MiB', () => {
    const { blocks, endOffset } = planLayout(
      [
        { name: 'pc.ram', length: 2 ** 34 },
        { name: 'pc.bios', length: PAGE },
      ],
      PAGE,
    );
    expect(
      blocks.map(({ entryOffset, bitmapOffset, pagesOffset }) => [entryOffset, bitmapOffset, pagesOffset]),
    ).toEqual([
      [0, 4096, 2 ** 20],
      [2 ** 34 + 2 ** 20, 2 ** 34 + 2 ** 20 + 512, 2 ** 34 + 2 ** 21],
    ]);
    expect(endOffset).toBe(2 ** 34 + 2 ** 21 + PAGE);
    expect(() => planLayout([], PAGE)).toThrow(/at least one/);
    expect(() => planLayout([{ name: 'x', length: 5 }], PAGE)).toThrow(/not a multiple of the page size/);
  });

  it('reads back what it wrote, page by page', async () => {
    const seed = testSeed();
    const random = createRandom(seed);
    for (let round = 0; round < 20; round++) {
      using folder = new TestFolder();
      const blocks = Array.from({ length: 1 + random.int(3) }, (_, index) => ({
        name: `block${index}`,
        length: (1 + random.int(200)) * PAGE,
      }));
      const writer = new MappedRamWriter(folder.open('guest.mig'));
      const incoming = writer.openRam(blocks);
      const contents = incoming.blocks.map((descriptor) => {
        const pages = descriptor.length / PAGE;
        const receivedPages = DirtyBitmap.allocate(pages);
        const block = openRamBlockSync(descriptor);
        for (let page = 0; page < pages; page++) {
          if (random.int(3) > 0) continue;
          block.write(page * PAGE, random.bytes(16));
          receivedPages.mark(page);
        }
        block.close();
        return receivedPages;
      });
      await writer.finish({
        machineType: 'pc-q35-10.0',
        receivedPages: contents.map(({ buffer }) => buffer),
        rawDeviceState: NO_DEVICES,
      });
      expect(readdirSync(folder.path)).toEqual(['guest.mig']);
      const guest = openMappedRam(writer.path);
      expect(guest.machineType).toBe('pc-q35-10.0');
      expect(
        guest.ram.blocks.map(({ name, length }) => ({ name, length })),
        `seed ${seed}`,
      ).toEqual(blocks);
      guest.ram.blocks.forEach((descriptor, index) => {
        const block = openRamBlockSync(descriptor);
        for (let page = 0; page < descriptor.length / PAGE; page++) {
          expect(block.absent(page * PAGE, PAGE) < 0, `seed ${seed}`).toBe(contents[index]?.has(page));
        }
        block.close();
      });
      const inspected = inspectFile(writer.path);
      expect(inspected.blocks.map(({ normalPages }) => normalPages)).toEqual(
        contents.map((each) => each.count()),
      );
    }
  });

  it('takes no space for 16 GiB of nothing', async () => {
    using folder = new TestFolder();
    const writer = new MappedRamWriter(folder.open('guest.mig'));
    const blocks = [{ name: 'pc.ram', length: 2 ** 34 }];
    writer.openRam(blocks);
    const receivedPages = [DirtyBitmap.allocate(2 ** 22).buffer];
    await writer.finish({ machineType: 'pc', receivedPages, rawDeviceState: NO_DEVICES });
    expect(statSync(writer.path).blocks * 512).toBeLessThan(2 ** 21);
    expect(openMappedRam(writer.path).ram.blocks[0]?.extents).toHaveLength(0);
  });

  it('keeps early sections between the START and the END of RAM', async () => {
    using folder = new TestFolder();
    const writer = new MappedRamWriter(folder.open('guest.mig'));
    writer.openRam([{ name: 'pc.ram', length: PAGE }]);
    const early = Buffer.from('040000001e04766d656d0000000000000001aabb7e0000001e', 'hex');
    const device = { name: 'vmem', instance_id: 0, size: 2, fields: [{ name: 'data', size: 2 }] };
    const description = JSON.stringify({ page_size: PAGE, devices: [device] });
    const bytes = Buffer.concat([Buffer.from([0, 6, 0, 0, 0, description.length]), Buffer.from(description)]);
    const receivedPages = [DirtyBitmap.allocate(1).buffer];
    await writer.finish({ machineType: 'pc', receivedPages, rawDeviceState: { early, bytes } });
    const { deviceState, rawDeviceState } = openMappedRam(writer.path);
    expect(Buffer.from(rawDeviceState.early).equals(early)).toBe(true);
    expect(Buffer.from(rawDeviceState.bytes).equals(bytes)).toBe(true);
    expect(deviceState).toEqual([
      { idstr: 'vmem', instanceId: 0, versionId: 1, body: Uint8Array.of(0xaa, 0xbb), early: true },
    ]);
    const { sections, devices } = inspectFile(writer.path);
    expect(sections.map(({ kind, name }) => `${kind} ${name}`)).toEqual([
      'start ram',
      'full vmem',
      'end ram',
    ]);
    expect(devices).toMatchObject([{ name: 'vmem', early: true }]);
  });

  it.each([
    ['bitmap offset', 12],
    ['pages offset', 20],
    ['mapped-ram page size', 4],
    ['mapped-ram version', 0],
  ])('refuses a wrong %s', async (field, at) => {
    using folder = new TestFolder();
    const writer = new MappedRamWriter(folder.open('guest.mig'));
    writer.openRam([{ name: 'pc.ram', length: PAGE }]);
    await writer.finish({
      machineType: 'pc',
      receivedPages: [DirtyBitmap.allocate(1).buffer],
      rawDeviceState: NO_DEVICES,
    });
    const front = 9 + 4 + 2 + (1 + 1 + 26 + 4 + 4 + 11) + (1 + 4 + 4 + 4 + 4) + 8 + 7 + 8;
    const fd = openSync(writer.path, 'r+');
    writeSync(fd, Uint8Array.of(0, 9, 0, 9), 0, 4, front + at);
    expect(() => openMappedRam(writer.path)).toThrow(field);
  });

  it('refuses a stream without mapped-ram', () => {
    using folder = new TestFolder();
    const path = folder.file('x');
    writeFileSync(path, 'no migration');
    expect(() => openMappedRam(path)).toThrow(/magic/);
    expect(() => openMappedRam(folder.file('nowhere'))).toThrow(/cannot open/);
  });
});
