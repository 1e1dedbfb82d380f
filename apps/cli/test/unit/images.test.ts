import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { openRamBlock } from '@multifd/core';
import { describe, expect, it } from 'vitest';
import { listExtents, walk } from '../../src/images/extents.js';
import { blockOfImage, imageFileName } from '../../src/images/file-name.js';
import { openRawSource } from '../../src/images/raw-source.js';
import { RawTarget } from '../../src/images/raw-target.js';
import { loadHoleSeeker } from '../../src/images/seek.js';
import { allocated, content, sameFiles, writeSparse } from '../helpers/images.js';
import { tempDirectory } from '../helpers/temp.js';

const PAGE = 4096;
const MIB = 2 ** 20;
const seek = await loadHoleSeeker();

function never(line: string): void {
  throw new Error(line);
}

describe('file names', () => {
  it.each(['pc.ram', '/rom@etc/acpi/tables', '0000:00:02.0/vga.vram', '.', '..', 'a b%2F', 'ä'])(
    '%s and back',
    (name) => {
      const file = imageFileName(name);
      expect(file).not.toContain('/');
      expect(blockOfImage(file)).toBe(name);
    },
  );

  it('other files are no images', () => {
    expect(blockOfImage('.pc.ram.raw.partial-1')).toBeUndefined();
    expect(blockOfImage('notes.txt')).toBeUndefined();
    expect(() => blockOfImage('50%.raw')).toThrow(/50%.raw/);
  });
});

describe('extents', () => {
  /** A file system with blocks of 512 bytes that has data in [start, end) pairs. */
  const fake = (...pairs: number[]) => ({
    nextData: (_fd: number, offset: number) => {
      for (let at = 0; at < pairs.length; at += 2) {
        if (offset < (pairs[at + 1] ?? 0)) return Math.max(offset, pairs[at] ?? 0);
      }
      return undefined;
    },
    nextHole: (_fd: number, offset: number) => {
      for (let at = 0; at < pairs.length; at += 2) {
        if (offset >= (pairs[at] ?? 0) && offset < (pairs[at + 1] ?? 0)) return pairs[at + 1] ?? 0;
      }
      return offset;
    },
  });

  it('are cut to whole pages and joined', () => {
    expect([...walk(fake(512, 1024, 2048, 4608, 16_384, 16_896), 0, 10 * PAGE, PAGE)]).toEqual([
      0, 8192, 16_384, 20_480,
    ]);
    expect([...walk(fake(), 0, 10 * PAGE, PAGE)]).toEqual([]);
    expect([...walk(fake(0, 10 * PAGE), 0, 10 * PAGE, PAGE)]).toEqual([0, 10 * PAGE]);
  });

  it.runIf(seek.ok)("cover a sparse file's data and little else", async () => {
    const path = join(tempDirectory(), 'sparse');
    writeSparse(path, 64 * MIB, [
      { at: 5 * MIB, bytes: content(PAGE, 1) },
      { at: 63 * MIB, bytes: content(MIB, 2) },
    ]);
    const { extents = new Float64Array() } = await listExtents(path, 64 * MIB, PAGE);
    let size = 0;
    for (let at = 0; at < extents.length; at += 2) size += (extents[at + 1] ?? 0) - (extents[at] ?? 0);
    expect(size).toBeGreaterThanOrEqual(MIB + PAGE);
    expect(size).toBeLessThan(4 * MIB);
  });
});

describe('a raw source', () => {
  it('is one block, or one for each image of a directory', async () => {
    const directory = tempDirectory();
    const file = join(directory, imageFileName('/rom'));
    writeSparse(file, MIB, []);
    writeSparse(join(directory, 'pc.ram.raw'), 2 * MIB, []);
    writeFileSync(join(directory, '.pc.ram.raw.partial-7'), 'x');
    const one = await openRawSource(file, () => {});
    expect(one.blocks.map(({ name, length }) => [name, length])).toEqual([['pc.ram', MIB]]);
    const all = await openRawSource(directory, () => {});
    expect(all.blocks.map(({ name, length }) => [name, length])).toEqual([
      ['/rom', MIB],
      ['pc.ram', 2 * MIB],
    ]);
    expect(all.dirty).toBeUndefined();
  });

  it('says what is wrong with a path or a size', async () => {
    const directory = tempDirectory();
    const odd = join(directory, 'odd');
    writeFileSync(odd, 'x'.repeat(5000));
    await expect(openRawSource(odd, never)).rejects.toMatchObject({
      code: 'usage',
      hint: expect.stringContaining('truncate -s 8192'),
    });
    writeFileSync(odd, '');
    await expect(openRawSource(odd, never)).rejects.toMatchObject({ code: 'usage' });
    await expect(openRawSource(join(directory, 'none'), never)).rejects.toMatchObject({ code: 'usage' });
    await expect(openRawSource(directory, never)).rejects.toMatchObject({ code: 'usage' });
  });
});

describe('a raw target', () => {
  const blocks = [
    { name: 'pc.ram', length: 8 * MIB },
    { name: '/rom', length: MIB },
  ];

  it('shows its images only when they are complete, sparse as they were', async () => {
    const directory = join(tempDirectory(), 'new', 'dir');
    const target = RawTarget.open(directory, false);
    const ram = target.openRam(blocks);
    expect(ram.fresh).toBe(true);
    const [main] = ram.blocks;
    if (main === undefined) throw new Error('no block');
    const opened = openRamBlock(main);
    opened.write(3 * MIB, content(PAGE, 1));
    opened.close();
    expect(readdirSync(directory).every((name) => name.startsWith('.'))).toBe(true);

    const kept = await target.keep();
    target.discard();
    expect(readdirSync(directory).sort()).toEqual(['%2From.raw', 'pc.ram.raw']);
    expect(kept.map(({ name }) => name)).toEqual(['pc.ram', '/rom']);
    const image = join(directory, 'pc.ram.raw');
    const wanted = join(directory, 'wanted');
    writeSparse(wanted, 8 * MIB, [{ at: 3 * MIB, bytes: content(PAGE, 1) }]);
    expect(sameFiles(image, wanted)).toBe(true);
    expect(allocated(image)).toBeLessThan(MIB);
  });

  it('leaves nothing behind when it is given up', () => {
    const directory = tempDirectory();
    const target = RawTarget.open(directory, false);
    target.openRam(blocks);
    target.discard();
    expect(readdirSync(directory)).toEqual([]);
  });

  it('does not touch an image that is there, unless it may, and then only when the new one is complete', async () => {
    const directory = tempDirectory();
    const image = join(directory, 'pc.ram.raw');
    writeFileSync(image, 'precious');
    expect(() => RawTarget.open(directory, false).openRam(blocks)).toThrow(/pc.ram.raw is already there/);
    const target = RawTarget.open(directory, true);
    target.openRam(blocks);
    expect(existsSync(image)).toBe(true);
    expect(allocated(image)).toBeLessThanOrEqual(PAGE);
    await target.keep();
    const read = await openRawSource(image, () => {});
    expect(read.blocks[0]?.length).toBe(8 * MIB);
  });

  it('wants a directory', () => {
    const path = join(tempDirectory(), 'file');
    writeFileSync(path, '');
    expect(() => RawTarget.open(path, false)).toThrow(/not a directory/);
    expect(() => RawTarget.open(join(path, 'below'), false)).toThrow(/cannot make the directory/);
    mkdirSync(`${path}-dir`);
    expect(() => RawTarget.open(`${path}-dir`, false)).not.toThrow();
  });
});
