import { createRandom, testSeed } from '@multifd/testing/random';
import { describe, expect, it } from 'vitest';
import { VectorParts } from '../../src/transport/vector-parts.js';

const seed = testSeed();

describe(`vectors in parts (MULTIFD_SEED=${seed})`, () => {
  it('gives every byte once, in order, without a copy', () => {
    const random = createRandom(seed);
    const below = (most: number): number => random.int(most);
    for (let run = 0; run < 200; run++) {
      const vectors = Array.from({ length: below(6) }, () =>
        Uint8Array.from({ length: below(20) }, () => below(256)),
      );
      const parts = new VectorParts(vectors);
      const taken: Uint8Array[] = [];
      for (let part = parts.take(1 + below(9)); part.length > 0; part = parts.take(1 + below(9)))
        taken.push(...part);
      expect(Buffer.concat(taken)).toEqual(Buffer.concat(vectors));
      const memory = new Set<ArrayBufferLike>(vectors.map(({ buffer }) => buffer));
      expect(taken.every(({ buffer, length }) => memory.has(buffer) && length > 0)).toBe(true);
    }
  });

  it('a part has as many bytes as were asked for, while there are', () => {
    const parts = new VectorParts([new Uint8Array(3), new Uint8Array(0), new Uint8Array(5)]);
    const lengths = [4, 3, 9, 1].map((bytes) => Buffer.concat(parts.take(bytes)).length);
    expect(lengths).toEqual([4, 3, 1, 0]);
  });
});
