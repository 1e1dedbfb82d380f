import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { createRandom, testSeed } from '@multifd/testing/random';
import { describe, expect, it } from 'vitest';
import { DirtyBitmap } from '../../src/ram/dirty-bitmap.js';
import { fixture } from '../support/fixtures.js';

const seed = testSeed();

function pagesOf(bitmap: DirtyBitmap): number[] {
  return Array.from({ length: bitmap.pages }, (_, page) => page).filter((page) => bitmap.has(page));
}

describe('DirtyBitmap', () => {
  it('is clean when allocated, one bit a page in whole words', () => {
    for (const [pages, bytes] of [
      [1, 4],
      [32, 4],
      [33, 8],
      [64, 8],
      [2 ** 25, 2 ** 22],
    ] as const) {
      const bitmap = DirtyBitmap.allocate(pages);
      expect(bitmap.buffer.byteLength).toBe(bytes);
      expect(bitmap.count()).toBe(0);
    }
  });

  it('marks single pages, at the edges of words too', () => {
    for (const page of [0, 1, 30, 31, 32, 63, 64, 99]) {
      const bitmap = DirtyBitmap.allocate(100);
      bitmap.mark(page);
      expect(pagesOf(bitmap)).toEqual([page]);
      expect(bitmap.count()).toBe(1);
      expect(bitmap.testAndMark(page)).toBe(true);
      expect(bitmap.testAndMark((page + 1) % 100)).toBe(false);
      expect(bitmap.count()).toBe(2);
    }
  });

  it('marks every range of 70 pages right', () => {
    for (let first = 0; first < 70; first++) {
      for (let count = 0; first + count <= 70; count++) {
        const bitmap = DirtyBitmap.allocate(70);
        bitmap.markRange(first, count);
        const expected = Array.from({ length: count }, (_, index) => first + index);
        expect(pagesOf(bitmap)).toEqual(expected);
        expect(bitmap.count()).toBe(count);
      }
    }
  });

  it('clears every range of 70 pages, and nothing beside it', () => {
    for (let first = 0; first < 70; first++) {
      for (let count = 0; first + count <= 70; count++) {
        const bitmap = DirtyBitmap.allocate(70);
        bitmap.markAll();
        bitmap.clearRange(first, count);
        const expected = Array.from({ length: 70 }, (_, page) => page).filter(
          (page) => page < first || page >= first + count,
        );
        expect(pagesOf(bitmap)).toEqual(expected);
      }
    }
  });

  it('finds the first marked and the first clear page of every range', () => {
    const random = createRandom(seed);
    for (let round = 0; round < 40; round++) {
      const bitmap = DirtyBitmap.allocate(100);
      for (let run = random.int(4); run >= 0; run--) {
        const first = random.int(100);
        bitmap.markRange(first, random.int(101 - first));
      }
      for (let first = 0; first <= 100; first++) {
        for (let end = first; end <= 100; end += 1 + random.int(3)) {
          const range = Array.from({ length: end - first }, (_, index) => first + index);
          const marked = range.find((page) => bitmap.has(page)) ?? end;
          const clear = range.find((page) => !bitmap.has(page)) ?? end;
          const found = [bitmap.firstMarked(first, end), bitmap.firstClear(first, end)];
          expect(found, `MULTIFD_SEED=${seed}, ${first} to ${end}`).toEqual([marked, clear]);
        }
      }
    }
  });

  it('marks all, but no bit behind the last page', () => {
    for (const pages of [1, 31, 32, 33, 100, 2 ** 25]) {
      const bitmap = DirtyBitmap.allocate(pages);
      bitmap.markAll();
      expect(bitmap.count()).toBe(pages);
    }
  });

  it('gives each page of a word once', () => {
    const bitmap = DirtyBitmap.allocate(96);
    bitmap.mark(31);
    bitmap.mark(32);
    bitmap.mark(63);
    expect(bitmap.takeWord(0)).toBe(1 << 31);
    expect(bitmap.takeWord(0)).toBe(0);
    const bits = bitmap.takeWord(1);
    expect(bits).toBe((1 << 31) | 1);
    expect(bitmap.count()).toBe(0);
    expect(bitmap.takeWord(2)).toBe(0);
  });

  it('counts any pattern', () => {
    const random = createRandom(seed);
    for (let round = 0; round < 50; round++) {
      const pages = 1 + random.int(500);
      const bitmap = DirtyBitmap.allocate(pages);
      const marked = new Set<number>();
      for (let index = random.int(pages); index > 0; index--) marked.add(random.int(pages));
      for (const page of marked) bitmap.mark(page);
      expect(bitmap.count(), `MULTIFD_SEED=${seed}`).toBe(marked.size);
    }
  });

  it('loses no bit while four threads mark and this one takes', async () => {
    const pages = 4096;
    const bitmap = DirtyBitmap.allocate(pages);
    const tickets = new SharedArrayBuffer(pages * 4);
    const done = new Int32Array(new SharedArrayBuffer(4));
    const writers = 4;
    const workers = Array.from(
      { length: writers },
      (_, index) =>
        new Worker(new URL(fixture('marker.mjs')), {
          workerData: { bitmap: bitmap.buffer, tickets, done, pages, marks: 100_000, seed: seed + index },
        }),
    );
    const exits = workers.map((worker) => once(worker, 'exit'));
    // Writers raise a page's ticket and mark afterwards; the taker takes the bit and reads the ticket afterwards.
    const written = new Int32Array(tickets);
    const seen = new Int32Array(pages);
    let taken = 0;
    const sweep = (): void => {
      for (let word = 0; word < pages / 32; word++) {
        const bits = bitmap.takeWord(word);
        for (let bit = 0; bit < 32; bit++) {
          if ((bits & (1 << bit)) === 0) continue;
          taken++;
          const page = word * 32 + bit;
          seen[page] = Atomics.load(written, page);
        }
      }
    };
    while (Atomics.load(done, 0) < writers) {
      sweep();
      await new Promise((resolve) => setImmediate(resolve));
    }
    sweep();
    await Promise.all(exits);
    expect(bitmap.count()).toBe(0);
    expect(Array.from(seen)).toEqual(Array.from(written));
    expect(taken).toBeGreaterThan(pages / 2);
  });
});
