import { expect, test } from 'vitest';
import { PayloadArena } from '../src/payload-arena.js';

const MOST = 1000;

/** A payload of `size` bytes that all hold `fill`. */
function payload(arena: PayloadArena, size: number, fill: number) {
  arena.room().fill(fill, 0, size);
  return { ...arena.keep(size), fill };
}

test('payloads that wait keep their bytes, whatever their sizes', () => {
  const arena = new PayloadArena(MOST);
  const waiting = Array.from({ length: 200 }, (_, index) =>
    payload(arena, 1 + ((index * 37) % MOST), index % 251),
  );
  for (const { vectors, size, fill } of waiting) {
    expect(vectors.map((vector) => vector.length)).toEqual([size]);
    expect(vectors[0]?.every((byte) => byte === fill)).toBe(true);
  }
});

test('what was released is used again', () => {
  const arena = new PayloadArena(MOST);
  const buffers = new Set<ArrayBufferLike>();
  const waiting: ReturnType<typeof payload>[] = [];
  for (let round = 0; round < 500; round++) {
    const made = payload(arena, 700, round % 251);
    for (const vector of made.vectors) buffers.add(vector.buffer);
    waiting.push(made);
    if (waiting.length < 20) continue;
    // A connection takes them in order, several at a time.
    if (round % 7 === 0) for (const each of waiting.splice(0, 7)) each.release?.();
    expect(waiting.every(({ vectors, fill }) => vectors[0]?.every((byte) => byte === fill))).toBe(true);
  }
  // Up to 26 wait, 5 in each buffer: as many buffers, and one or two more.
  expect(buffers.size).toBeLessThan(10);
});

test('room is for the largest payload, always', () => {
  const arena = new PayloadArena(MOST);
  for (let size = 1; size <= MOST; size += 13) {
    expect(arena.room().length).toBe(MOST);
    arena.keep(size);
  }
});
