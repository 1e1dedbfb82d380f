import { closeSync, constants, openSync, readFileSync, statSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { type MapOptions, mapRam } from '../src/index.js';
import { built } from './support/addon.js';
import {
  absentPages,
  bytesOf,
  GIB,
  isHuge,
  KINDS,
  type Kind,
  MIB,
  openRam,
  optionsOf,
  PAGE,
  sparseFile,
} from './support/memory.js';

const LENGTH = 8 * MIB;

describe.skipIf(!built).each(KINDS)('%s memory', (kind: Kind) => {
  test('is zero and absent until it is written, and looking at it leaves it so', () => {
    const { ram, block, close } = openRam(optionsOf(kind, LENGTH));
    expect(block.absent(0, LENGTH)).toBe(LENGTH);
    expect(block.absent(5 * PAGE, PAGE)).toBe(PAGE);
    expect(ram.allocatedBytes()).toBe(0);
    block.write(3 * PAGE + 100, Uint8Array.of(1, 2, 3));
    expect(block.absent(0, LENGTH)).toBe(isHuge(kind) ? -2 * MIB : 3 * PAGE);
    expect(block.absent(3 * PAGE, LENGTH - 3 * PAGE)).toBe(isHuge(kind) ? 3 * PAGE - 2 * MIB : -PAGE);
    expect(absentPages(block).size).toBe((LENGTH - (isHuge(kind) ? 2 * MIB : PAGE)) / PAGE);
    expect([...bytesOf(block, 3 * PAGE + 99, 5)]).toEqual([0, 1, 2, 3, 0]);
    expect(ram.allocatedBytes()).toBe(isHuge(kind) ? 2 * MIB : PAGE);
    block.intact?.();
    close();
  });

  test('gives back what becomes zero', () => {
    const { ram, block, close } = openRam(optionsOf(kind, LENGTH));
    for (let offset = 0; offset < LENGTH; offset += PAGE) block.write(offset, Uint8Array.of(7));
    expect(ram.allocatedBytes()).toBe(LENGTH);
    block.zero(0, 4 * MIB);
    // Dropping a page of a private file brings the file's back: such pages are only cleared.
    expect(ram.allocatedBytes()).toBe(kind === 'private file' ? LENGTH : 4 * MIB);
    for (let offset = 0; offset < 4 * MIB; offset += PAGE) expect(bytesOf(block, offset, 1)[0]).toBe(0);
    expect(bytesOf(block, 4 * MIB, 1)[0]).toBe(7);
    block.zero(0, LENGTH);
    expect(bytesOf(block, LENGTH - PAGE, 1)[0]).toBe(0);
    block.intact?.();
    close();
  });

  test('zeroes parts of pages without touching others', () => {
    const { block, close } = openRam(optionsOf(kind, LENGTH));
    block.write(0, new Uint8Array(LENGTH).fill(9));
    block.zero(PAGE - 10, 2 * PAGE + 20);
    block.zero(5 * PAGE + 1, 2);
    block.zero(LENGTH, 0);
    const model = new Uint8Array(LENGTH)
      .fill(9)
      .fill(0, PAGE - 10, 3 * PAGE + 10)
      .fill(0, 5 * PAGE + 1, 5 * PAGE + 3);
    expect(Buffer.compare(bytesOf(block, 0, LENGTH), model)).toBe(0);
    close();
  });

  test('can be as large as a guest is', () => {
    const { ram, block, close } = openRam(optionsOf(kind, 100 * GIB));
    expect(block.absent(0, 100 * GIB)).toBe(100 * GIB);
    // Over the border of two windows.
    block.write(77 * GIB - 2, Uint8Array.of(1, 2, 3, 4));
    expect([...bytesOf(block, 77 * GIB - 2, 2), ...bytesOf(block, 77 * GIB, 2)]).toEqual([1, 2, 3, 4]);
    expect(() => bytesOf(block, 77 * GIB - 2, 4)).toThrow(/no window/);
    expect(ram.allocatedBytes()).toBe(isHuge(kind) ? 4 * MIB : 2 * PAGE);
    block.zero(0, 100 * GIB);
    if (kind !== 'private file') expect(block.absent(0, 100 * GIB)).toBe(100 * GIB);
    close();
  });
});

describe.skipIf(!built).each(['anon', 'thp', 'announced'] as const)('%s memory', (kind) => {
  test('that was only read is still absent', () => {
    const { ram, block, close } = openRam(optionsOf(kind, LENGTH));
    for (let offset = 0; offset < LENGTH; offset += PAGE) expect(bytesOf(block, offset, 1)[0]).toBe(0);
    expect(block.absent(0, LENGTH)).toBe(LENGTH);
    expect(ram.allocatedBytes()).toBe(0);
    close();
  });
});

describe.skipIf(!built)('memory of a file', () => {
  test('is the file, from an offset on', () => {
    const file = sparseFile(16 * PAGE);
    const { block, close } = openRam({ kind: 'file', name: 'a', length: 4 * PAGE, file, offset: 8 * PAGE });
    block.write(PAGE, Uint8Array.of(5));
    expect(readFileSync(file)[9 * PAGE]).toBe(5);
    block.zero(PAGE, PAGE);
    expect(readFileSync(file)[9 * PAGE]).toBe(0);
    expect(statSync(file).size).toBe(16 * PAGE);
    expect(statSync(file).blocks).toBe(0);
    close();
  });

  test('that is private leaves the file as it is', () => {
    const file = sparseFile(LENGTH);
    const map = () => openRam({ kind: 'file', name: 'a', length: LENGTH, file, shared: false });
    const one = map();
    one.block.write(0, Uint8Array.of(1));
    one.block.zero(0, PAGE);
    expect(statSync(file).blocks).toBe(0);
    const two = map();
    expect(two.ram.allocatedBytes()).toBe(0);
    expect(two.block.absent(0, LENGTH)).toBe(LENGTH);
    one.close();
    two.close();
  });

  test('that is private never shows the file again where it became zero', () => {
    const file = sparseFile(LENGTH);
    const shared = openRam({ kind: 'file', name: 'a', length: LENGTH, file });
    shared.block.write(PAGE, Uint8Array.of(1));
    const own = openRam({ kind: 'file', name: 'a', length: LENGTH, file, shared: false });
    expect(own.block.absent(0, LENGTH)).toBe(PAGE);
    own.block.zero(0, LENGTH);
    expect(bytesOf(own.block, PAGE, 1)[0]).toBe(0);
    expect(bytesOf(shared.block, PAGE, 1)[0]).toBe(1);
    shared.close();
    own.close();
  });

  test('by a descriptor, which may be closed then and keeps its position', () => {
    const number = openSync(sparseFile(LENGTH), constants.O_RDWR);
    const { block, close } = openRam({ kind: 'file', name: 'a', length: LENGTH, file: number });
    closeSync(number);
    block.write(PAGE, Uint8Array.of(1));
    expect(block.absent(0, LENGTH)).toBe(PAGE);
    close();
  });

  test('that is read-only cannot be changed', () => {
    const { block, close } = openRam({
      kind: 'file',
      name: 'a',
      length: PAGE,
      file: sparseFile(PAGE),
      writable: false,
    });
    expect(() => block.zero(0, PAGE)).toThrow(/read-only/);
    expect(block.absent(0, PAGE)).toBe(PAGE);
    close();
  });

  test('of two mappings is one memory', () => {
    const one = openRam(optionsOf('memfd', LENGTH));
    const path = `/proc/${process.pid}/fd/${one.ram.memfd}`;
    const two = openRam({ kind: 'file', name: 'b', length: LENGTH, file: path });
    one.block.write(PAGE, Uint8Array.of(3));
    expect(bytesOf(two.block, PAGE, 1)[0]).toBe(3);
    two.block.zero(0, LENGTH);
    expect(bytesOf(one.block, PAGE, 1)[0]).toBe(0);
    expect(one.ram.allocatedBytes()).toBe(PAGE);
    one.close();
    two.close();
  });
});

describe.skipIf(!built)('what cannot be mapped', () => {
  const file = (): string => sparseFile(PAGE);
  const cases: [string, () => MapOptions, string, RegExp][] = [
    ['nothing', () => ({ kind: 'anon', name: 'a', length: 0 }), 'usage', /a: a length of 0/],
    ['half a byte', () => ({ kind: 'anon', name: 'a', length: 0.5 }), 'usage', /0\.5/],
    ['more than there can be', () => ({ kind: 'anon', name: 'a', length: 2 ** 50 }), 'io', /cannot map/],
    [
      'no file',
      () => ({ kind: 'file', name: 'a', length: 1, file: '/nowhere' }),
      'io',
      /nowhere cannot be opened/,
    ],
    ['a folder', () => ({ kind: 'file', name: 'a', length: 1, file: '/tmp' }), 'io', /Is a directory/],
    [
      'a device',
      () => ({ kind: 'file', name: 'a', length: 1, file: '/dev/null' }),
      'usage',
      /neither a file/,
    ],
    [
      'a short file',
      () => ({ kind: 'file', name: 'a', length: PAGE + 1, file: file() }),
      'io',
      /has 4096 bytes/,
    ],
    ['no descriptor', () => ({ kind: 'file', name: 'a', length: 1, file: 99_999 }), 'io', /descriptor 99999/],
    [
      'half a page',
      () => ({ kind: 'file', name: 'a', length: 1, file: file(), offset: 1 }),
      'usage',
      /multiple/,
    ],
  ];
  test.each(cases)('%s', (_, options, code, message) => {
    expect(() => mapRam(options())).toThrow(
      expect.objectContaining({ code, message: expect.stringMatching(message) }),
    );
  });
});
