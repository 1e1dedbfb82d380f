import { allocateGuestRam, type GuestRamDescriptor, openRamBlockSync, type RamBlock } from '@multifd/core';
import { createRandom, type Random } from '@multifd/testing/random';
import { expect } from 'vitest';

export const MIB = 2 ** 20;
export const GIB = 2 ** 30;

const STEP = 4 * MIB;

/** What a page is filled with; `random` gives the test's numbers. */
export type Fill = (page: Uint8Array, index: number, random: Random) => void;

export const FILLS: Readonly<Record<string, Fill>> = {
  'all zero': () => {},
  'none zero': (page, _index, random) => fillRandom(page, random),
  checkerboard: (page, index, random) => {
    if (index % 2 === 1) fillRandom(page, random);
  },
  'first byte nonzero': (page) => {
    page[0] = 1;
  },
  'last byte nonzero': (page) => {
    page[page.length - 1] = 0x80;
  },
  mixed: mixedFill,
};

/** Runs of zero pages, runs of data, and pages that are zero but for one byte. */
export function mixedFill(page: Uint8Array, index: number, random: Random): void {
  const kind = (index >>> 3) % 4;
  if (kind === 0) return;
  if (kind === 1) page[random.int(page.length)] = 1 + random.int(255);
  else if (kind === 2 || random.int(2) === 0) fillRandom(page, random);
}

export function fillRandom(bytes: Uint8Array, random: Random): void {
  const words = new Uint32Array(bytes.buffer, bytes.byteOffset, bytes.length >>> 2);
  for (let index = 0; index < words.length; index++) words[index] = random.next() * 2 ** 32;
}

export interface GuestShape {
  readonly blocks?: readonly { readonly name: string; readonly length: number }[];
  readonly pageSize?: number;
  readonly fill?: Fill;
  readonly seed: number;
  /** With dirty bitmaps, so that the engine takes it for a running guest. */
  readonly live?: boolean;
}

/** A guest's memory: the same seed gives the same bytes. */
export function createGuestRam(shape: GuestShape): GuestRamDescriptor {
  const { pageSize = 4096, fill = mixedFill, seed, live = false } = shape;
  const blocks = shape.blocks ?? [{ name: 'pc.ram', length: 8 * MIB }];
  const { dirty, ...ram } = allocateGuestRam(blocks, pageSize);
  fillRam(ram, fill, createRandom(seed));
  return live && dirty !== undefined ? { ...ram, dirty } : ram;
}

export function fillRam(ram: GuestRamDescriptor, fill: Fill, random: Random): void {
  for (const descriptor of ram.blocks) {
    const block = openRamBlockSync(descriptor);
    for (let offset = 0; offset < block.length; offset += ram.pageSize) {
      fill(windowOf(block, offset, ram.pageSize), offset / ram.pageSize, random);
    }
  }
}

export function windowOf(block: RamBlock, offset: number, length: number): Uint8Array {
  const window = block.window(offset, length);
  if (window === undefined) throw new Error(`block ${block.name} is not in place`);
  return window;
}

/** The first page of the first block. */
export function firstPage(ram: GuestRamDescriptor): Uint8Array {
  const [descriptor] = ram.blocks;
  if (descriptor === undefined) throw new Error('no block');
  return openRamBlockSync(descriptor).read(0, ram.pageSize, new Uint8Array(ram.pageSize));
}

/** Compares every byte of both; blocks may be of any kind and in any order. */
export function expectSameRam(got: GuestRamDescriptor, expected: GuestRamDescriptor): void {
  expect(got.blocks.map((block) => block.name).sort()).toEqual(
    expected.blocks.map((block) => block.name).sort(),
  );
  for (const wanted of expected.blocks) {
    const found = got.blocks.find((block) => block.name === wanted.name);
    if (found === undefined) throw new Error(`no block ${wanted.name}`);
    expect(firstDifference(openRamBlockSync(found), openRamBlockSync(wanted)), `block ${wanted.name}`).toBe(
      'none',
    );
  }
}

function firstDifference(got: RamBlock, expected: RamBlock): string {
  if (got.length !== expected.length) return `length ${got.length}, not ${expected.length}`;
  const scratch = [new Uint8Array(STEP), new Uint8Array(STEP)] as const;
  try {
    for (let offset = 0; offset < got.length; offset += STEP) {
      const length = Math.min(STEP, got.length - offset);
      const left = got.read(offset, length, scratch[0]);
      const right = expected.read(offset, length, scratch[1]);
      if (Buffer.compare(left, right) === 0) continue;
      const at = left.findIndex((byte, index) => byte !== right[index]);
      return `byte ${offset + at} is ${left[at]}, not ${right[at]}`;
    }
    return 'none';
  } finally {
    got.close();
    expected.close();
  }
}

/** A copy in fresh memory. */
export function copyOfRam(ram: GuestRamDescriptor): GuestRamDescriptor {
  const { blocks } = allocateGuestRam(ram.blocks, ram.pageSize);
  ram.blocks.forEach((descriptor, index) => {
    const from = openRamBlockSync(descriptor);
    const copy = blocks[index];
    if (copy === undefined) return;
    const to = openRamBlockSync(copy);
    for (let offset = 0; offset < from.length; offset += STEP) {
      const length = Math.min(STEP, from.length - offset);
      to.write(offset, from.read(offset, length, new Uint8Array(length)));
    }
  });
  return { pageSize: ram.pageSize, blocks };
}
