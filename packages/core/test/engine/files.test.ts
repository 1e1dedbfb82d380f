import { closeSync, mkdtempSync, openSync, rmSync, truncateSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  type FileBlockDescriptor,
  type GuestRamDescriptor,
  migrate,
  openRamBlockSync,
  receive,
} from '@multifd/core';
import { createRandom, testSeed } from '@multifd/testing/random';
import { afterAll, describe, expect, it } from 'vitest';
import { PLAIN } from '../support/fixtures.js';
import { expectFailure, outcomeOf } from '../support/outcome.js';
import { move, tryToMove } from '../support/pair.js';
import { createGuestRam, expectSameRam, fillRandom, MIB } from '../support/ram.js';

const seed = testSeed();
const folder = mkdtempSync(join(tmpdir(), 'multifd-'));
afterAll(() => rmSync(folder, { recursive: true }));

interface Image extends FileBlockDescriptor {
  readonly extents: Float64Array;
}

/** A sparse image with data in `pieces` ([start, end) in bytes), described by exactly these extents. */
function image(name: string, length: number, pieces: readonly (readonly [number, number])[]): Image {
  const path = join(folder, name);
  const fd = openSync(path, 'w');
  const random = createRandom(seed);
  for (const [start, end] of pieces) {
    const bytes = new Uint8Array(Math.ceil((end - start) / 4) * 4);
    fillRandom(bytes, random);
    writeSync(fd, bytes, 0, end - start, start);
  }
  closeSync(fd);
  truncateSync(path, length);
  return { kind: 'file', name, length, path, writable: true, extents: Float64Array.from(pieces.flat()) };
}

const LENGTH = 11 * MIB + 4096;
const PIECES = {
  none: [],
  all: [[0, LENGTH]],
  aligned: [
    [0, 8192],
    [4 * MIB - 4096, 4 * MIB + 4096],
    [LENGTH - 4096, LENGTH],
  ],
  'not aligned': [
    [1, 2],
    [8191, 8193],
    [20_000, 20_001],
    [20_100, 20_101],
    [4 * MIB - 1, 4 * MIB + 1],
    [5 * MIB + 4095, 5 * MIB + 4096],
    [6 * MIB + 100, 6 * MIB + 70_000],
    [LENGTH - 1, LENGTH],
  ],
} as const;

describe(`RAM in files (MULTIFD_SEED=${seed})`, () => {
  for (const [name, pieces] of Object.entries(PIECES)) {
    for (const zeroPageDetection of ['multifd', 'legacy', 'none'] as const) {
      it(`extents ${name}, ${zeroPageDetection}`, async () => {
        const block = image(`${name} ${zeroPageDetection}`, LENGTH, pieces);
        const ram: GuestRamDescriptor = { pageSize: 4096, blocks: [block] };
        const { sent } = await move({ guest: { ram }, parameters: { zeroPageDetection } });
        expect(sent.statistics.normal + sent.statistics.zeroPages).toBe(LENGTH / 4096);
      });
    }
  }

  it.each([16384, 65536])('extents not aligned, pages of %i bytes', async (pageSize) => {
    const length = 11 * MIB;
    const block = image(`pages of ${pageSize}`, length, PIECES['not aligned'].slice(0, -1));
    await move({ guest: { ram: { pageSize, blocks: [block] } } });
  });

  it('random extents, with and without being told of them', async () => {
    const random = createRandom(seed);
    for (let round = 0; round < 4; round++) {
      const pieces: [number, number][] = [];
      for (let at = random.int(20_000); at < LENGTH; ) {
        const end = Math.min(LENGTH, at + 1 + random.int([10, 5000, 300_000][random.int(3)] ?? 1));
        pieces.push([at, end]);
        at = end + 1 + random.int([10, 5000, 600_000][random.int(3)] ?? 1);
      }
      const block = image(`random ${round}`, LENGTH, pieces);
      const { extents: _, ...blind } = block;
      const told = await move({ guest: { ram: { pageSize: 4096, blocks: [block] } } });
      const notTold = await move({ guest: { ram: { pageSize: 4096, blocks: [blind] } } });
      expect(told.sent.statistics.zeroPages).toBe(notTold.sent.statistics.zeroPages);
    }
  });

  it('a part of a file that holds more', async () => {
    const block = image('part', LENGTH, [[0, LENGTH]]);
    const parts = [
      { ...block, name: 'b', length: 5 * MIB, fileOffset: 3 * MIB + 17 },
      { ...block, name: 'a', length: MIB, fileOffset: 0 },
    ].map(({ extents: _, ...rest }) => rest);
    await move({ guest: { ram: { pageSize: 4096, blocks: parts } } });
  });

  it.each([true, false])('into files, fresh %s', async (allZero) => {
    const ram = createGuestRam({
      seed,
      blocks: [
        { name: 'a', length: 9 * MIB },
        { name: 'b', length: 65536 },
      ],
    });
    const blocks = ram.blocks.map(({ name, length }): FileBlockDescriptor => {
      const { path } = image(`into ${name} ${allZero}`, length, allZero ? [] : [[0, length]]);
      return { kind: 'file', name, length, path, writable: true };
    });
    await move({ guest: { ram }, destination: { openRam: () => ({ blocks, allZero }) } });
    expectSameRam({ pageSize: 4096, blocks }, ram);
  });

  it('from a file into a file, blocks of both kinds, a running guest among them', async () => {
    const file = image('mixed', 9 * MIB, [[MIB + 5, 6 * MIB]]);
    const memory = createGuestRam({ seed, blocks: [{ name: 'memory', length: 6 * MIB }] });
    const ram = { pageSize: 4096, blocks: [file, ...memory.blocks] };
    const into = image('mixed into', 9 * MIB, []);
    await move({
      guest: { ram },
      parameters: { multifdChannels: 3 },
      destination: {
        openRam: () => ({
          blocks: [
            { ...into, name: 'mixed' },
            ...createGuestRam({ seed: 1, fill: () => {}, blocks: memory.blocks }).blocks,
          ],
          allZero: true,
        }),
      },
    });
  });

  it('a destination file that is read-only', async () => {
    const block = image('read-only', MIB, []);
    const outcome = await tryToMove({
      guest: { ram: createGuestRam({ seed, blocks: [{ name: 'read-only', length: MIB }] }) },
      destination: { openRam: () => ({ blocks: [{ ...block, writable: false }], allZero: true }) },
    });
    expectFailure(outcome.received, ['io', 'usage'], /read-only.*(write|writable)/);
    expectFailure(outcome.sent, 'peer-closed');
  });

  it('a full disk', async () => {
    const blocks = [
      { kind: 'file', name: 'pc.ram', length: 8 * MIB, path: '/dev/full', writable: true },
    ] as const;
    const outcome = await tryToMove({
      guest: { ram: createGuestRam({ seed }) },
      destination: { openRam: () => ({ blocks, allZero: true }) },
    });
    expectFailure(outcome.received, 'io', /pc.ram: cannot write \/dev\/full.*no space/);
    expectFailure(outcome.sent, 'peer-closed');
  });

  it('an image that becomes shorter while it is read', async () => {
    const block = image('shorter', LENGTH, [[0, LENGTH]]);
    truncateSync(block.path, 5 * MIB);
    const outcome = await tryToMove({ guest: { ram: { pageSize: 4096, blocks: [block] } } });
    expectFailure(outcome.sent, 'io', /shorter.*ends at byte 5242880/);
    expectFailure(outcome.received, 'peer-closed');
  });

  it('an image that is not there', async () => {
    const block = { ...image('gone', MIB, []), path: join(folder, 'nowhere') };
    const outcome = await tryToMove({
      guest: { ram: { pageSize: 4096, blocks: [block] } },
      waitsOn: true,
    });
    expectFailure(outcome.sent, 'io', /gone: cannot open .*nowhere/);
  });
});

describe('a file block by itself', () => {
  it('says what is absent, at every edge', () => {
    const block = openRamBlockSync(
      image('edges', 100_000 - (100_000 % 4096), [
        [10, 20],
        [4096, 8192],
        [50_000, 50_001],
      ]),
    );
    expect(block.absent(0, 4096)).toBe(10);
    expect(block.absent(0, 5)).toBe(5);
    expect(block.absent(10, 4096)).toBe(-10);
    expect(block.absent(10, 4)).toBe(-4);
    expect(block.absent(20, 4096)).toBe(4076);
    expect(block.absent(4096, 90_000)).toBe(-4096);
    expect(block.absent(8192, 90_000)).toBe(50_000 - 8192);
    expect(block.absent(50_001, 1000)).toBe(1000);
    // Backwards again.
    expect(block.absent(15, 4096)).toBe(-5);
    expect(block.absent(0, 1)).toBe(1);
    block.close();
    block.close();
  });

  it('reads, writes and zeroes where it should', () => {
    const block = openRamBlockSync(image('rw', 3 * MIB, []));
    block.write(MIB - 2, Uint8Array.of(1, 2, 3));
    const scratch = new Uint8Array(8).fill(9);
    expect(block.read(MIB - 3, 5, scratch)).toEqual(Uint8Array.of(0, 1, 2, 3, 0));
    expect(scratch[5]).toBe(9);
    block.zero(100, 2 * MIB);
    expect(block.read(MIB - 3, 5, scratch)).toEqual(new Uint8Array(5));
    expect(block.window(0, 1)).toBeUndefined();
    expect(() => block.read(3 * MIB - 1, 2, scratch)).toThrow(/ends at byte 3145728/);
    block.close();
    expect(() => block.read(0, 1, scratch)).toThrow(/is closed/);
  });
});

describe('unix sockets', () => {
  it.each([1, 4])('%i channels', async (multifdChannels) => {
    const ram = createGuestRam({ seed, blocks: [{ name: 'pc.ram', length: 20 * MIB }] });
    await move({
      guest: { ram },
      parameters: { multifdChannels },
      destination: { listen: `unix:${join(folder, `s${multifdChannels}`)}` },
    });
  });

  it('a path that cannot be, and nobody there', async () => {
    const path = `unix:${join(folder, 'no', 'such', 'folder')}`;
    expectFailure(await outcomeOf(receive({ listen: path }), 'receive'), 'usage', /cannot listen on unix:/);
    const guest = { ram: createGuestRam({ seed }) };
    const sent = migrate({ guest, to: path, accelerator: PLAIN });
    expectFailure(await outcomeOf(sent, 'migrate'), 'usage', /main stream: cannot connect to unix:/);
  });
});
