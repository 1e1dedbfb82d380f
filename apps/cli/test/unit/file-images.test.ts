import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { openRamBlockSync } from '@multifd/core';
import { inspectFile } from '@multifd/qemu';
import { describe, expect, it } from 'vitest';
import { checkReportable, openFileSource, storedGuest, usersMistake } from '../../src/images/file-source.js';
import { FileTarget } from '../../src/images/file-target.js';
import { receivedExtents } from '../../src/images/received-extents.js';
import { content } from '../helpers/images.js';
import { BLOCKS, received } from '../helpers/received.js';
import { tempDirectory } from '../helpers/temp.js';

const PAGE = 4096;

describe('the runs of a bitmap', () => {
  it.each([
    { pages: 1, marked: [] },
    { pages: 1, marked: [0] },
    { pages: 32, marked: [0, 31] },
    { pages: 33, marked: [31, 32] },
    { pages: 200, marked: [5, 6, 7, 32, 63, 64, 199] },
    { pages: 200, marked: Array.from({ length: 200 }, (_, page) => page) },
    { pages: 100, marked: Array.from({ length: 64 }, (_, page) => page + 20) },
  ])('$pages pages, $marked', ({ pages, marked }) => {
    const words = new Int32Array(Math.ceil(pages / 32));
    for (const page of marked) words[page >>> 5] = (words[page >>> 5] ?? 0) | (1 << (page & 31));
    const found = receivedExtents(words, pages, PAGE);
    const listed: number[] = [];
    for (let at = 0; at < found.length; at += 2) {
      const [start = 0, end = 0] = found.subarray(at, at + 2);
      expect(start).toBeGreaterThan(at === 0 ? -1 : (found[at - 1] ?? 0));
      for (let offset = start; offset < end; offset += PAGE) listed.push(offset / PAGE);
    }
    expect(listed).toEqual(marked);
  });
});

describe('a file: target', () => {
  it('is there only when it is complete, and can be read then', async () => {
    const directory = tempDirectory();
    const path = join(directory, 'guest.mig');
    const target = await FileTarget.open(path, { replace: false });
    expect(readdirSync(directory)).toEqual([]);
    const ram = target.openRam(BLOCKS, 0, 'none');
    expect(ram.allZero).toBe(true);
    for (const descriptor of ram.blocks) {
      const block = openRamBlockSync(descriptor);
      block.write(33 * PAGE, content(PAGE, 1));
      block.close();
    }
    expect(existsSync(path)).toBe(false);
    const { blocks: kept } = await target.keep(received());
    expect(readdirSync(directory)).toEqual(['guest.mig']);
    expect(kept.map(({ extents }) => [...(extents ?? [])])).toEqual([
      [33 * PAGE, 34 * PAGE],
      [33 * PAGE, 34 * PAGE],
    ]);
    const [, second] = kept;
    if (second === undefined) throw new Error('no block');
    const block = openRamBlockSync(second);
    expect(Buffer.from(block.read(33 * PAGE, PAGE, new Uint8Array(PAGE)))).toEqual(
      Buffer.from(content(PAGE, 1)),
    );
    block.close();
    expect(target.settle()).toEqual([]);
    expect(target.discard()).toEqual([]);
    expect(readdirSync(directory)).toEqual(['guest.mig']);
    expect(inspectFile(path)).toMatchObject({
      format: 'mapped-ram',
      machineType: 'pc-q35-10.0',
      blocks: BLOCKS.map((each) => ({ ...each, normalPages: 1 })),
    });
  });

  it('leaves nothing behind when it is given up', async () => {
    const directory = tempDirectory();
    const target = await FileTarget.open(join(directory, 'guest.mig'), { replace: false });
    target.openRam(BLOCKS, 0, 'none');
    target.discard();
    expect(readdirSync(directory)).toEqual([]);
  });

  it('does not touch a file that is there, unless it may', async () => {
    const path = join(tempDirectory(), 'guest.mig');
    const early = await FileTarget.open(path, { replace: false });
    writeFileSync(path, 'precious');
    await expect(FileTarget.open(path, { replace: false })).rejects.toThrow(/guest.mig is already there/);
    expect(() => early.openRam(BLOCKS, 0, 'none')).toThrow(/guest.mig is already there/);
    const target = await FileTarget.open(path, { replace: true });
    target.openRam(BLOCKS, 0, 'none');
    await target.keep(received());
    expect(inspectFile(path).format).toBe('mapped-ram');
    expect(target.settle()).toEqual([]);
    expect(readdirSync(dirname(path))).toEqual(['guest.mig']);
  });

  it('puts back what it replaced when the guest did not come after all', async () => {
    const path = join(tempDirectory(), 'guest.mig');
    writeFileSync(path, 'precious');
    const target = await FileTarget.open(path, { replace: true });
    target.openRam(BLOCKS, 0, 'none');
    await target.keep(received());
    expect(target.discard()).toEqual([]);
    expect(readFileSync(path, 'utf8')).toBe('precious');
    expect(readdirSync(dirname(path))).toEqual(['guest.mig']);
  });

  it('takes its name back when nothing had it before', async () => {
    const directory = tempDirectory();
    const target = await FileTarget.open(join(directory, 'guest.mig'), { replace: false });
    target.openRam(BLOCKS, 0, 'none');
    await target.keep(received());
    target.discard();
    expect(readdirSync(directory)).toEqual([]);
  });

  it('keeps both when the process ends before it is known who has the guest', async () => {
    const path = join(tempDirectory(), 'guest.mig');
    writeFileSync(path, 'precious');
    const target = await FileTarget.open(path, { replace: true });
    target.openRam(BLOCKS, 0, 'none');
    await target.keep(received());
    target.abandon();
    expect(inspectFile(path).format).toBe('mapped-ram');
    expect(readdirSync(dirname(path)).filter((name) => name.includes('.replaced-'))).toHaveLength(1);
  });
});

describe('a file: source', () => {
  it('that is none is a wrong argument', () => {
    const path = join(tempDirectory(), 'x');
    expect(() => openFileSource(path)).toThrow(expect.objectContaining({ code: 'usage' }));
    writeFileSync(path, 'not a migration');
    expect(() => openFileSource(path)).toThrow(expect.objectContaining({ code: 'usage' }));
    expect(() => openFileSource(tempDirectory())).toThrow(expect.objectContaining({ code: 'usage' }));
  });

  it('says what of the file is left out or not read, and what cannot be asked then', async () => {
    const path = join(tempDirectory(), 'guest.mig');
    const target = await FileTarget.open(path, { replace: false });
    target.openRam(BLOCKS, 0, 'none');
    const end = (text: string) => Buffer.from(`\0\x06\0\0\0${String.fromCharCode(text.length)}${text}`);
    const vmdesc = '{"page_size":4096,"devices":[]}';
    const rawDeviceState = { early: new Uint8Array(0), bytes: end(vmdesc), vmdesc };
    await target.keep({ ...received(), rawDeviceState });
    target.settle();
    const file = readFileSync(path);
    const unread = Buffer.concat([file.subarray(0, -end(vmdesc).length), end('hello')]);
    const variants = [
      { bytes: file, said: [], asked: true },
      {
        bytes: Buffer.concat([file, Buffer.alloc(5000)]),
        said: [expect.stringContaining('4.9 KiB behind the stream')],
        asked: true,
      },
      { bytes: unread, said: [expect.stringContaining('is not JSON')], asked: false },
    ];
    for (const { bytes, said, asked } of variants) {
      writeFileSync(path, bytes);
      const stored = openFileSource(path);
      const notes: string[] = [];
      const guest = storedGuest(stored, { machineType: stored.machineType }, (line) => notes.push(line));
      expect(notes).toEqual(said);
      const ask = () => checkReportable(stored);
      if (asked) expect(ask).not.toThrow();
      else
        expect(ask).toThrow(
          expect.objectContaining({ code: 'usage', hint: expect.stringContaining('--no-verify') }),
        );
      await guest.close();
    }
  });

  it('keeps every other error as it is', () => {
    const error = new Error('ours');
    expect(usersMistake('x', error)).toBe(error);
  });
});
