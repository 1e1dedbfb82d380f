import { DirtyBitmap } from '@multifd/core';
import { createRandom, testSeed } from '@multifd/testing/random';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { CHUNK_SIZE } from '../../src/format/layout.js';
import { Arrival } from '../../src/write/arrival.js';

const QUIET = 250;
/** Two pieces and a part of a third; and less than a chunk. */
const LENGTHS = [140 * CHUNK_SIZE + 65_536 / 2, 65_536 / 2];

/** Nobody reads its memory. */
function arrivalOf(
  pageSize: number,
  lengths = pageSize === 65_536 ? [141 * CHUNK_SIZE, CHUNK_SIZE] : LENGTHS,
) {
  const blocks = lengths.map((length, index) => ({
    kind: 'memory' as const,
    name: `${index}`,
    length,
    segmentSize: 2 ** 30,
    segments: [],
  }));
  const arrival = new Arrival({ pageSize, blocks });
  const marks = arrival.changed.map(
    (buffer, index) => new DirtyBitmap(buffer, (lengths[index] ?? 0) / pageSize),
  );
  const chunks: string[] = [];
  const done = (async () => {
    for (let piece = await arrival.next(); piece !== undefined; piece = await arrival.next()) {
      const { block, first, wanted } = piece;
      wanted.forEach((isWanted, index) => {
        if (isWanted === 1) chunks.push(`${block}:${first + index}`);
      });
    }
  })();
  const write = (block: number, page: number, count = 1) => marks[block]?.markRange(page, count);
  return { arrival, write, chunks, done };
}

describe('a guest that is coming', () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
  });
  const pass = (ms: number) => vi.advanceTimersByTimeAsync(ms);

  it.each([4096, 16_384, 65_536])('gives what is quiet, once, pages of %i bytes', async (pageSize) => {
    const each = CHUNK_SIZE / pageSize;
    const { arrival, write, chunks, done } = arrivalOf(pageSize);
    await pass(3 * QUIET);
    expect(chunks).toEqual([]);
    write(0, 0);
    write(0, 63 * each, each);
    write(0, 64 * each);
    // What there is of the last chunks, in whole.
    const part = Math.max(1, each / 2);
    write(0, 140 * each, part);
    write(1, 0, part);
    await pass(3 * QUIET);
    expect(chunks).toEqual(['0:0', '0:63', '0:64', '0:140', '1:0']);
    // Written again: not taken again, and not as it was.
    write(0, 63 * each);
    write(0, 65 * each);
    await pass(3 * QUIET);
    expect(chunks.slice(5)).toEqual(['0:65']);
    write(1, 0);
    arrival.end();
    await done;
    arrival.settle();
    const taken = [0, 63, 64, 65, 66, 140].map((chunk) => arrival.isTaken(0, chunk));
    expect(taken).toEqual([true, false, true, true, false, true]);
    expect(arrival.isTaken(1, 0)).toBe(false);
  });

  it('leaves the chunk at the front until all of it is here, or something behind it', async () => {
    const { arrival, write, chunks, done } = arrivalOf(4096, [512 * CHUNK_SIZE]);
    // As packets come on a slow link, of 7.5 chunks each.
    for (let packet = 0; packet < 40; packet++) {
      write(0, packet * 120, 120);
      await pass(4 * QUIET);
      const here = (packet + 1) * 7.5;
      expect(chunks).toEqual(Array.from({ length: Math.floor(here) }, (_, chunk) => `0:${chunk}`));
    }
    // A chunk whose end is zero never has all of its pages.
    write(0, 300 * 16, 3);
    write(0, 400 * 16, 16);
    await pass(3 * QUIET);
    expect(chunks.slice(300)).toEqual(['0:300', '0:400']);
    arrival.end();
    await done;
    arrival.settle();
    for (let chunk = 0; chunk < 300; chunk++) expect(arrival.isTaken(0, chunk)).toBe(true);
  });

  it.each([
    { what: 'the rest of what came in part', first: 8, next: 1 },
    { what: 'what came before', first: 7, next: 0 },
  ])('of chunks that were taken in part comes $what: $next more is taken', async ({ first, next }) => {
    const { arrival, write, chunks, done } = arrivalOf(4096, [512 * CHUNK_SIZE]);
    for (let chunk = 0; chunk < 256; chunk++) write(0, chunk * 16, 8);
    write(0, 256 * 16, 16);
    await pass(3 * QUIET);
    expect(chunks).toHaveLength(257);
    for (let chunk = 0; chunk < 256; chunk++) write(0, chunk * 16 + first, 16 - first);
    await pass(3 * QUIET);
    write(0, 500 * 16, 16);
    await pass(3 * QUIET);
    expect(chunks).toHaveLength(257 + next);
    arrival.end();
    await done;
    expect(arrival.isTaken(0, 0)).toBe(false);
  });

  it('leaves a piece alone that is written all the time, and takes the others', async () => {
    const { arrival, write, chunks, done } = arrivalOf(4096);
    write(0, 64 * 16, 64 * 16);
    for (let each = 0; each < 40; each++) {
      write(0, each % 1024);
      await pass(QUIET / 4);
    }
    expect(chunks).toEqual(Array.from({ length: 64 }, (_, index) => `0:${64 + index}`));
    arrival.end();
    await done;
  });

  it('counts no chunk as taken that was marked after it was taken, whatever happens', async () => {
    const seed = testSeed();
    const random = createRandom(seed);
    const { arrival, write, chunks, done } = arrivalOf(4096);
    const pages = 140 * 16 + 8;
    const writtenAfter = new Set<number>();
    let known = 0;
    for (let round = 0; round < 200; round++) {
      for (const name of chunks.slice(known)) writtenAfter.delete(Number(name.split(':')[1]));
      known = chunks.length;
      for (let each = random.int(4); each > 0; each--) {
        const page = random.int(pages);
        const count = 1 + random.int(Math.min(40, pages - page));
        write(0, page, count);
        for (let at = page; at < page + count; at++) writtenAfter.add(Math.floor(at / 16));
      }
      await pass(random.int(2 * QUIET));
    }
    arrival.end();
    await done;
    arrival.settle();
    const taken = new Set(chunks.map((name) => Number(name.split(':')[1])));
    // Each once.
    expect(taken.size, `seed ${seed}`).toBe(chunks.length);
    expect(taken.size).toBeGreaterThan(0);
    for (let chunk = 0; chunk < 141; chunk++)
      if (arrival.isTaken(0, chunk)) expect(taken.has(chunk), `seed ${seed}, ${chunk}`).toBe(true);
    for (const chunk of writtenAfter)
      if (chunks.lastIndexOf(`0:${chunk}`) < known)
        expect(arrival.isTaken(0, chunk), `seed ${seed}, chunk ${chunk}`).toBe(false);
  });

  it.each([
    { again: 64, next: 1 },
    { again: 65, next: 0 },
  ])('of 256 chunks $again were written again: $next more is taken', async ({ again, next }) => {
    const { arrival, write, chunks, done } = arrivalOf(4096, [512 * CHUNK_SIZE]);
    write(0, 0, 256 * 16);
    await pass(3 * QUIET);
    expect(chunks).toHaveLength(256);
    // Each once, though it is written often.
    for (let chunk = 0; chunk < again; chunk++) write(0, chunk * 16, 16);
    await pass(3 * QUIET);
    write(0, 0);
    write(0, 500 * 16, 16);
    await pass(3 * QUIET);
    expect(chunks).toHaveLength(256 + next);
    arrival.end();
    await done;
  });

  it('is looked at a part at a time if it is large, and to its end', async () => {
    const length = 20 * 2 ** 30;
    const { arrival, write, chunks, done } = arrivalOf(4096, [length]);
    write(0, length / 4096 - 16, 16);
    // Neither a look nor the next one goes on without a pause.
    await pass(1);
    write(0, 0);
    await pass(2 * QUIET + 100);
    expect(chunks).toEqual([`0:${length / CHUNK_SIZE - 1}`]);
    await pass(4 * QUIET);
    expect(chunks).toHaveLength(2);
    arrival.end();
    await done;
  });

  it('ends at once, whoever waits', async () => {
    const { arrival, done } = arrivalOf(4096);
    await pass(1);
    arrival.end();
    await done;
    expect(vi.getTimerCount()).toBe(0);
  });
});
