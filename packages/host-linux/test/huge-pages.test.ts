import { describe, expect, test } from 'vitest';
import { HugeRanges } from '../src/huge-ranges.js';
import { hostBlocks, type MappedRam, mapRam } from '../src/index.js';
import { built } from './support/addon.js';
import { announceAll, bytesOf, MIB, openRam, optionsOf, PAGE } from './support/memory.js';

const LENGTH = 8 * MIB;
const RANGE = 2 * MIB;

/** Offsets of pages `first`, `first + step`, … */
function pages(first: number, count: number, step = 1): Float64Array {
  return Float64Array.from({ length: count }, (_, index) => (first + index * step) * PAGE);
}

describe('which ranges are worth a huge page', () => {
  const find = (...offsets: Float64Array[]) => {
    const ranges = new HugeRanges(64 * MIB);
    return offsets.map((each) => ranges.find(each, each.length, PAGE));
  };

  test('one that a packet begins to fill, once', () => {
    expect(find(pages(0, 128), pages(128, 128), pages(512, 128))).toEqual([0, undefined, RANGE]);
  });

  test('one of which three pages in four are written, and not every other page', () => {
    const threeOfFour = pages(0, 128).filter((_, page) => page % 4 !== 3);
    expect(find(threeOfFour)).toEqual([0]);
    expect(find(pages(0, 128, 2))).toEqual([undefined]);
  });

  test('none of a guest that has one page among 512', () => {
    expect(find(...Array.from({ length: 32 }, (_, range) => pages(range * 512 + 7, 1)))).toEqual(
      Array.from({ length: 32 }, () => undefined),
    );
    expect(find(pages(7, 32, 512))).toEqual([undefined]);
  });

  test('one that a packet reaches with its last page, as full as the range before it', () => {
    expect(find(pages(512 - 127, 128))).toEqual([RANGE]);
    // A jump from elsewhere says nothing of how the range goes on.
    expect(find(Float64Array.of(...pages(0, 127), 20 * RANGE))).toEqual([undefined]);
  });

  test('none for less than 128 KiB', () => {
    expect(find(pages(0, 31))).toEqual([undefined]);
    expect(find(pages(0, 32))).toEqual([0]);
  });

  test('no part of one at the end of a block, and nothing for nothing', () => {
    const ranges = new HugeRanges(3 * MIB);
    expect(ranges.find(pages(512, 128), 128, PAGE)).toBe(undefined);
    expect(ranges.find(pages(0, 128), 0, PAGE)).toBe(undefined);
  });

  test('pages of 64 KiB', () => {
    const offsets = Float64Array.from({ length: 8 }, (_, index) => index * 65_536);
    expect(new HugeRanges(LENGTH).find(offsets, 8, 65_536)).toBe(0);
    expect(new HugeRanges(LENGTH).find(offsets, 1, 65_536)).toBe(undefined);
  });
});

describe.skipIf(!built)('huge pages', () => {
  /** Memory of which pages are announced and written as a destination does it: what it takes, and how. */
  function filled(kind: 'auto' | 'anon' | 'thp', offsets: Float64Array): ReturnType<typeof used> {
    const ram = mapRam({ kind, name: 'pc.ram', length: 64 * MIB });
    const block = hostBlocks.open(ram.descriptor);
    for (let first = 0; first < offsets.length; first += 128) {
      const packet = offsets.slice(first, first + 128);
      block.announce?.(packet, packet.length, PAGE);
      for (const offset of packet) block.write(offset, Uint8Array.of(1));
    }
    const taken = used(ram);
    block.close();
    ram.close();
    return taken;
  }

  const used = (ram: MappedRam) => ({ allocated: ram.allocatedBytes(), huge: ram.hugeBytes() });

  test('all of a full guest, unless small ones are asked for', () => {
    const all = pages(0, (64 * MIB) / PAGE);
    expect(filled('auto', all)).toEqual({ allocated: 64 * MIB, huge: 64 * MIB });
    expect(filled('anon', all)).toEqual({ allocated: 64 * MIB, huge: 0 });
  });

  test('a guest with one page among 512 takes no more memory than those, unless huge pages are asked for', () => {
    const few = pages(5, 32, 512);
    expect(filled('auto', few)).toEqual({ allocated: 32 * PAGE, huge: 0 });
    expect(filled('thp', few)).toEqual({ allocated: 64 * MIB, huge: 64 * MIB });
  });

  test('nothing that was not announced', () => {
    const ram = mapRam({ kind: 'auto', name: 'pc.ram', length: LENGTH });
    const block = hostBlocks.open(ram.descriptor);
    block.write(0, new Uint8Array(LENGTH).fill(1));
    expect(used(ram)).toEqual({ allocated: LENGTH, huge: 0 });
    block.close();
    ram.close();
  });

  test('to announce touches nothing, and a page that is not written afterwards stays absent', () => {
    const { ram, block, close } = openRam(optionsOf('announced', LENGTH));
    announceAll(block);
    expect(used(ram)).toEqual({ allocated: 0, huge: 0 });
    expect(block.absent(0, LENGTH)).toBe(LENGTH);
    close();
  });

  test('to announce what was written already changes nothing', () => {
    const ram = mapRam({ kind: 'auto', name: 'pc.ram', length: LENGTH });
    const block = hostBlocks.open(ram.descriptor);
    block.write(7 * PAGE, Uint8Array.of(7));
    announceAll(block);
    expect(used(ram)).toEqual({ allocated: PAGE, huge: 0 });
    expect(bytesOf(block, 7 * PAGE, 1)[0]).toBe(7);
    block.close();
    ram.close();
  });

  test.each(['thp', 'announced'] as const)(
    '%s: stay whole when a part of one becomes zero, and go when all of it does',
    (kind) => {
      const { ram, block, close } = openRam(optionsOf(kind, LENGTH));
      block.write(0, new Uint8Array(2 * MIB).fill(1));
      block.zero(0, MIB);
      expect(used(ram)).toEqual({ allocated: 2 * MIB, huge: 2 * MIB });
      expect(bytesOf(block, MIB - 1, 2)).toEqual(Uint8Array.of(0, 1));
      block.zero(0, 2 * MIB);
      expect(used(ram)).toEqual({ allocated: 0, huge: 0 });
      close();
    },
  );

  test('small pages beside one are given back one by one', () => {
    const ram = mapRam({ kind: 'auto', name: 'pc.ram', length: LENGTH });
    const block = hostBlocks.open(ram.descriptor);
    block.announce?.(pages(512, 128), 128, PAGE);
    block.write(0, new Uint8Array(LENGTH).fill(1));
    expect(used(ram)).toEqual({ allocated: LENGTH, huge: RANGE });
    // The end of small pages and the beginning of the huge one, which stays.
    block.zero(RANGE - 4 * PAGE, 8 * PAGE);
    expect(used(ram)).toEqual({ allocated: LENGTH - 4 * PAGE, huge: RANGE });
    expect(bytesOf(block, RANGE - 5 * PAGE, 10 * PAGE)).toEqual(
      new Uint8Array(10 * PAGE).fill(1).fill(0, PAGE, 9 * PAGE),
    );
    // The end of the huge one and the beginning of small pages.
    block.zero(2 * RANGE - PAGE, 2 * PAGE);
    expect(used(ram)).toEqual({ allocated: LENGTH - 5 * PAGE, huge: RANGE });
    expect(bytesOf(block, 2 * RANGE - 2 * PAGE, 4 * PAGE)).toEqual(
      new Uint8Array(4 * PAGE).fill(1).fill(0, PAGE, 3 * PAGE),
    );
    close(block, ram);
  });

  test('are not made where they were not asked for', () => {
    const { ram, block, close: end } = openRam(optionsOf('anon', LENGTH));
    announceAll(block);
    block.write(0, Uint8Array.of(1));
    expect(used(ram)).toEqual({ allocated: PAGE, huge: 0 });
    end();
  });

  function close(...all: { close(): void }[]): void {
    for (const each of all) each.close();
  }
});
