import {
  existsSync,
  mkdirSync,
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
import { openRawSource } from '../../src/images/raw-source.js';
import { RawTarget } from '../../src/images/raw-target.js';
import { allocated, content, sameFiles, writeSparse } from '../helpers/images.js';
import { received } from '../helpers/received.js';
import { tempDirectory } from '../helpers/temp.js';

const PAGE = 4096;
const MIB = 2 ** 20;

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

    const { blocks: kept } = await target.keep(received());
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
