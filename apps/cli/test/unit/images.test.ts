import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { openRamBlockSync } from '@multifd/core';
import { describe, expect, it } from 'vitest';
import { listExtents, walk } from '../../src/images/extents.js';
import { blockOfImage, imageFileName } from '../../src/images/file-name.js';
import { findFile } from '../../src/images/file-source.js';
import { openRawSource } from '../../src/images/raw-source.js';
import { RawTarget } from '../../src/images/raw-target.js';
import { loadHoleSeeker } from '../../src/images/seek.js';
import { SourceFile } from '../../src/images/source-file.js';
import { allocated, content, sameFiles, writeSparse } from '../helpers/images.js';
import { received } from '../helpers/received.js';
import { tempDirectory } from '../helpers/temp.js';

const PAGE = 4096;
const MIB = 2 ** 20;
const seek = loadHoleSeeker();

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

  it('a name that makes too long a file name is refused in one short line, and no other', () => {
    expect(imageFileName('a'.repeat(235))).toHaveLength(239);
    expect(imageFileName('a'.repeat(251))).toHaveLength(255);
    for (const name of ['a'.repeat(252), 'ä'.repeat(60), '/'.repeat(235)]) {
      expect(() => imageFileName(name)).toThrow(
        /^RAM block .{32}…: the name of its image would have \d+ bytes.*255/,
      );
    }
  });

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
    const fd = openSync(path, 'r');
    const { extents = new Float64Array() } = await listExtents(fd, 64 * MIB, PAGE);
    closeSync(fd);
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
    const { blocks: one } = await openRawSource(file, () => {});
    expect(one.map(({ name, length }) => [name, length])).toEqual([['pc.ram', MIB]]);
    const { blocks: all } = await openRawSource(directory, () => {});
    expect(all.map(({ name, length }) => [name, length])).toEqual([
      ['/rom', MIB],
      ['pc.ram', 2 * MIB],
    ]);
  });

  it('says what is wrong with a path or a size', async () => {
    const directory = tempDirectory();
    const odd = join(directory, 'odd');
    writeFileSync(odd, 'x'.repeat(5000));
    await expect(openRawSource(odd, never)).rejects.toMatchObject({
      code: 'usage',
      // No command that writes to what may be the only copy.
      hint: expect.stringMatching(/^a RAM image .* with zeros to 8192 bytes: do that to a copy$/),
    });
    writeFileSync(odd, `QEVM${'x'.repeat(5000)}`);
    await expect(openRawSource(odd, never)).rejects.toMatchObject({
      message: expect.stringMatching(/5004 bytes are not .* begins like a migration stream$/),
      hint: `a RAM image has whole pages only; send it as file:${odd}`,
    });
    writeFileSync(odd, Uint8Array.of(0x1f, 0x8b, 1));
    await expect(openRawSource(odd, never)).rejects.toMatchObject({
      message: expect.stringMatching(/begins like a gzip file$/),
      hint: 'a RAM image has whole pages only; name a RAM image',
    });
    writeFileSync(odd, '');
    await expect(openRawSource(odd, never)).rejects.toMatchObject({ code: 'usage' });
    await expect(openRawSource(join(directory, 'none'), never)).rejects.toMatchObject({ code: 'usage' });
    await expect(openRawSource(directory, never)).rejects.toMatchObject({ code: 'usage' });
  });
});

it('a directory of images where a migration file is wanted is told apart from any other', () => {
  const directory = tempDirectory();
  expect(() => findFile(directory)).toThrow(/not a regular file/);
  writeFileSync(join(directory, 'multifd.json'), '{}');
  expect(() => findFile(directory)).toThrow(
    expect.objectContaining({
      code: 'usage',
      message: `${directory}: a directory with RAM images, and no migration file`,
      hint: expect.stringContaining(`multifd migrate raw:${directory}`),
    }),
  );
});

describe('a path that cannot be right', () => {
  const long = 'x'.repeat(300);

  it.each([
    ['too long', () => long, /ENAMETOOLONG/],
    ['going round in a circle', () => circle(), /ELOOP/],
    ['a directory in place of an image', () => directoryAsImage(), /not a regular file/],
    ['below a file', () => join(plainFile(), 'below'), /no such file/],
  ])('of a source: %s', async (_, make, message) => {
    await expect(openRawSource(make(), never)).rejects.toMatchObject({
      code: 'usage',
      message: expect.stringMatching(message),
      hint: expect.any(String),
    });
  });

  it('of an image that goes away, or cannot be read', async () => {
    expect(() => new SourceFile(join(plainFile(), 'below'))).toThrow(
      expect.objectContaining({
        code: 'usage',
        message: expect.stringMatching(/below: cannot be read: not a directory \(ENOTDIR\)$/),
      }),
    );
  });

  it.each([
    ['too long', () => join(tempDirectory(), long), /ENAMETOOLONG/],
    ['going round in a circle', () => circle(), /ELOOP/],
    ['a file', () => plainFile(), /not a directory/],
    ['below a file', () => join(plainFile(), 'below'), /file is not a directory/],
  ])('of a target: %s', async (_, make, message) => {
    await expect(RawTarget.open(make(), { replace: false })).rejects.toMatchObject({
      code: 'usage',
      message: expect.stringMatching(message),
    });
  });

  function circle(): string {
    const path = join(tempDirectory(), 'circle');
    symlinkSync(path, path);
    return path;
  }

  function plainFile(): string {
    const path = join(tempDirectory(), 'file');
    writeFileSync(path, '');
    return path;
  }

  function directoryAsImage(): string {
    const directory = tempDirectory();
    mkdirSync(join(directory, 'pc.ram.raw'));
    return directory;
  }
});

describe('a raw target', () => {
  const blocks = [
    { name: 'pc.ram', length: 8 * MIB },
    { name: '/rom', length: MIB },
  ];

  it('shows its images only when they are complete, sparse as they were', async () => {
    const directory = join(tempDirectory(), 'new');
    const target = await RawTarget.open(directory, { replace: false });
    const ram = target.openRam(blocks);
    expect(ram.allZero).toBe(true);
    const [main] = ram.blocks;
    if (main === undefined) throw new Error('no block');
    const opened = openRamBlockSync(main);
    opened.write(3 * MIB, content(PAGE, 1));
    opened.close();
    expect(readdirSync(directory).every((name) => name.startsWith('.'))).toBe(true);

    const kept = await target.keep(received());
    expect(target.settle()).toEqual([]);
    expect(target.discard()).toEqual([]);
    expect(readdirSync(directory).sort()).toEqual(['%2From.raw', 'multifd.json', 'pc.ram.raw']);
    expect(kept.map(({ name }) => name)).toEqual(['pc.ram', '/rom']);
    const image = join(directory, 'pc.ram.raw');
    const wanted = join(directory, 'wanted');
    writeSparse(wanted, 8 * MIB, [{ at: 3 * MIB, bytes: content(PAGE, 1) }]);
    expect(sameFiles(image, wanted)).toBe(true);
    expect(allocated(image)).toBeLessThan(MIB);
  });

  it('leaves nothing behind when it is given up', async () => {
    const directory = tempDirectory();
    const target = await RawTarget.open(directory, { replace: false });
    target.openRam(blocks);
    target.discard();
    expect(readdirSync(directory)).toEqual([]);
  });

  it('does not touch an image that is there, unless it may, and then only when the new one is complete', async () => {
    const directory = tempDirectory();
    const image = join(directory, 'pc.ram.raw');
    writeFileSync(image, 'precious');
    await expect(RawTarget.open(directory, { replace: false })).rejects.toMatchObject({
      code: 'usage',
      message: expect.stringContaining('a guest is already there (pc.ram.raw)'),
      hint: expect.stringContaining('--force'),
    });
    const target = await RawTarget.open(directory, { replace: true });
    target.openRam(blocks);
    expect(existsSync(image)).toBe(true);
    expect(allocated(image)).toBeLessThanOrEqual(PAGE);
    await target.keep(received());
    expect(target.settle()).toEqual([]);
    const { blocks: read } = await openRawSource(image, () => {});
    expect(read[0]?.length).toBe(8 * MIB);
    expect(readdirSync(directory).sort()).toEqual(['%2From.raw', 'multifd.json', 'pc.ram.raw']);
  });

  /** A directory with an older image of one of the blocks, and a target that has replaced it. */
  async function replaced() {
    const directory = tempDirectory();
    writeFileSync(join(directory, 'pc.ram.raw'), 'precious');
    const target = await RawTarget.open(directory, { replace: true });
    target.openRam(blocks);
    await target.keep(received());
    expect(readdirSync(directory)).toEqual(
      expect.arrayContaining(['%2From.raw', 'multifd.json', 'pc.ram.raw']),
    );
    return { directory, target };
  }

  it('puts everything back when the migration fails after the images have their names', async () => {
    const { directory, target } = await replaced();
    expect(target.discard()).toEqual([]);
    expect(readdirSync(directory)).toEqual(['pc.ram.raw']);
    expect(readFileSync(join(directory, 'pc.ram.raw'), 'utf8')).toBe('precious');
    expect(target.settle()).toEqual([]);
    expect(readdirSync(directory)).toEqual(['pc.ram.raw']);
  });

  it('destroys neither the new images nor the old ones when the process ends in between', async () => {
    const { directory, target } = await replaced();
    target.abandon();
    const [first, aside = '', ...others] = readdirSync(directory).sort();
    expect(aside).toMatch(/^\.pc\.ram\.raw\.replaced-/);
    expect([first, ...others]).toEqual(['%2From.raw', 'multifd.json', 'pc.ram.raw']);
    expect(readFileSync(join(directory, aside), 'utf8')).toBe('precious');
    expect(allocated(join(directory, 'pc.ram.raw'))).toBeLessThan(MIB);
    expect((await openRawSource(directory, () => {})).blocks).toHaveLength(2);
  });

  it('is all or nothing: a name that cannot be had leaves the others as they were', async () => {
    const directory = tempDirectory();
    symlinkSync('elsewhere', join(directory, 'pc.ram.raw'));
    const target = await RawTarget.open(directory, { replace: true });
    target.openRam(blocks);
    mkdirSync(join(directory, '%2From.raw'));
    await expect(target.keep(received())).rejects.toMatchObject({ code: 'usage' });
    expect(target.discard()).toEqual([]);
    expect(readdirSync(directory).sort()).toEqual(['%2From.raw', 'pc.ram.raw']);
    // The link itself was moved aside, not what it points to.
    expect(readlinkSync(join(directory, 'pc.ram.raw'))).toBe('elsewhere');
  });

  it('does not replace an image that appeared while the guest came', async () => {
    const directory = tempDirectory();
    const target = await RawTarget.open(directory, { replace: false });
    target.openRam(blocks);
    writeFileSync(join(directory, '%2From.raw'), 'precious');
    await expect(target.keep(received())).rejects.toThrow(/%2From.raw is already there/);
    target.discard();
    expect(readdirSync(directory)).toEqual(['%2From.raw']);
    expect(readFileSync(join(directory, '%2From.raw'), 'utf8')).toBe('precious');
  });

  it('gives no names when it is given up while the disk is busy, and the thread is free meanwhile', async () => {
    const directory = tempDirectory();
    const target = await RawTarget.open(directory, { replace: false });
    target.openRam(blocks);
    const kept = target.keep(received());
    // keep() has returned, and nothing has its name yet.
    expect(readdirSync(directory).every((name) => name.startsWith('.'))).toBe(true);
    target.discard();
    await expect(kept).rejects.toMatchObject({ code: expect.stringMatching(/^(cancelled|io)$/) });
    expect(readdirSync(directory)).toEqual([]);
  });

  it('says what it could not put back', async () => {
    const { directory, target } = await replaced();
    rmSync(directory, { recursive: true });
    expect(target.discard()).toEqual([
      expect.stringMatching(/multifd\.json: another process has removed or replaced it/),
      expect.stringMatching(/pc\.ram\.raw is now .+: it cannot be moved back: ENOENT/),
    ]);
  });

  it('wants a directory', async () => {
    const path = join(tempDirectory(), 'file');
    writeFileSync(path, '');
    await expect(RawTarget.open(path, { replace: false })).rejects.toThrow(/not a directory/);
    await expect(RawTarget.open(join(path, 'below'), { replace: false })).rejects.toThrow(
      /is not a directory/,
    );
    mkdirSync(`${path}-dir`);
    await RawTarget.open(`${path}-dir`, { replace: false });
  });
});
