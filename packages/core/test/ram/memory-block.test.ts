import { Worker } from 'node:worker_threads';
import { describe, expect, it } from 'vitest';
import { MultifdError } from '../../src/errors.js';
import { DirtyBitmap } from '../../src/ram/dirty-bitmap.js';
import { allocateGuestRam, openRamBlockSync } from '../../src/ram/guest-ram.js';

const MIB = 2 ** 20;
const GIB = 2 ** 30;
const PAGE = 4096;

function first<T>(list: readonly T[]): T {
  const [value] = list;
  if (value === undefined) throw new Error('nothing there');
  return value;
}

function allocate(length: number) {
  return first(allocateGuestRam([{ name: 'pc.ram', length }]).blocks);
}

describe('MemoryBlock', () => {
  it('is zero, writes and zeroes within a small block', () => {
    const block = openRamBlockSync(allocate(3 * PAGE));
    expect(block.inPlace).toBe(true);
    expect(block.read(0, 3 * PAGE, new Uint8Array(0)).every((byte) => byte === 0)).toBe(true);
    block.write(PAGE - 1, Uint8Array.of(1, 2));
    expect(block.window(PAGE - 1, 2)).toEqual(Uint8Array.of(1, 2));
    block.zero(PAGE, 1);
    expect(block.window(PAGE - 1, 2)).toEqual(Uint8Array.of(1, 0));
    expect(block.absent(PAGE, 2 * PAGE)).toBe(-2 * PAGE);
  });

  it('writes and zeroes across segments beyond 4 GiB, and touches little', () => {
    const before = process.memoryUsage.rss();
    const descriptor = allocate(8 * GIB + PAGE);
    expect(descriptor.segments).toHaveLength(9);
    const block = openRamBlockSync(descriptor);
    for (const edge of [descriptor.segmentSize, 4 * GIB, 5 * GIB, 8 * GIB]) {
      block.write(edge - 3, Uint8Array.of(1, 2, 3, 4, 5));
      expect(block.window(edge - 3, 3)).toEqual(Uint8Array.of(1, 2, 3));
      expect(block.window(edge, 2)).toEqual(Uint8Array.of(4, 5));
      block.zero(edge - 2, 3);
      expect(block.window(edge - 3, 3)).toEqual(Uint8Array.of(1, 0, 0));
      expect(block.window(edge, 2)).toEqual(Uint8Array.of(0, 5));
    }
    block.write(8 * GIB + PAGE - 1, Uint8Array.of(9));
    // Another view of the same descriptor sees the same memory, and nothing aliases modulo 4 GiB.
    const other = openRamBlockSync(descriptor);
    expect(other.window(8 * GIB + PAGE - 1, 1)).toEqual(Uint8Array.of(9));
    expect(other.window(PAGE - 1, 1)).toEqual(Uint8Array.of(0));
    expect(other.window(4 * GIB + PAGE - 1, 1)).toEqual(Uint8Array.of(0));
    expect(process.memoryUsage.rss() - before).toBeLessThan(256 * MIB);
  });

  it('reserves a block of 128 GiB, its last page usable', () => {
    const length = 128 * GIB;
    let descriptor: ReturnType<typeof allocate>;
    try {
      descriptor = allocate(length);
    } catch (error) {
      throw new Error(
        'this machine refuses to reserve 128 GiB of untouched memory: look at vm.overcommit_memory and ulimit -v',
        { cause: error },
      );
    }
    const block = openRamBlockSync(descriptor);
    const bitmap = DirtyBitmap.allocate(length / PAGE);
    block.write(length - PAGE, new Uint8Array(PAGE).fill(7));
    bitmap.mark(length / PAGE - 1);
    expect(block.window(length - 1, 1)).toEqual(Uint8Array.of(7));
    expect(block.window(length - PAGE - 1, 1)).toEqual(Uint8Array.of(0));
    expect(bitmap.has(2 ** 25 - 1)).toBe(true);
    expect(process.memoryUsage.rss()).toBeLessThan(2 * GIB);
  });

  it.each([
    { offset: -1, length: 1 },
    { offset: 8 * MIB, length: 1 },
    { offset: 8 * MIB - 1, length: 2 },
    { offset: 2 * GIB, length: 1 },
  ])('has no window of $length at $offset of 8 MiB', ({ offset, length }) => {
    const block = openRamBlockSync(allocate(8 * MIB));
    expect(() => block.window(offset, length)).toThrow(MultifdError);
    expect(() => block.write(offset, new Uint8Array(length))).toThrow(MultifdError);
  });

  it('has no window across segments', () => {
    const block = openRamBlockSync(allocate(2 * GIB));
    expect(() => block.window(GIB - 1, 2)).toThrow(/no window of 2 bytes at 1073741823/);
  });

  it('opens from its descriptor in another thread', async () => {
    const descriptor = allocate(5 * GIB);
    const source = `
      const { parentPort, workerData: { segments, segmentSize } } = require('node:worker_threads');
      new Uint8Array(segments[4])[123] = 77;
      parentPort.postMessage(segments.length * segmentSize);
    `;
    const worker = new Worker(source, { eval: true, workerData: descriptor });
    const seen = await new Promise((resolve, reject) => {
      worker.once('message', resolve);
      worker.once('error', reject);
    });
    expect(seen).toBe(5 * GIB);
    expect(openRamBlockSync(descriptor).window(4 * GIB + 123, 1)).toEqual(Uint8Array.of(77));
  });
});
