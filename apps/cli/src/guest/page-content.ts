import type { Fill } from '../options/sources.js';
import { mix } from './random.js';

/** Fills words [first, first + count) of `words` with content that depends on `seed` only, never all zero. */
export type PageWriter = (words: Int32Array, first: number, count: number, seed: number) => void;

export function pageWriter(fill: Fill): PageWriter {
  return fill === 'random' ? writeRandom : writeText;
}

/** Incompressible: two xorshift32 streams, interleaved so that the CPU can run them side by side. */
export function writeRandom(words: Int32Array, first: number, count: number, seed: number): void {
  let a = mix(seed) | 1;
  let b = mix(seed ^ 0x5bd1e995) | 2;
  for (let at = first, end = first + count; at < end; at += 2) {
    a ^= a << 13;
    a ^= a >>> 17;
    a ^= a << 5;
    b ^= b << 13;
    b ^= b >>> 17;
    b ^= b << 5;
    words[at] = a;
    words[at + 1] = b;
  }
}

const VOCABULARY = `
  kernel page memory guest block channel stream buffer state device driver socket thread process signal error
  warning info debug start stop open close read write flush sync send receive packet header length offset index
  number string value table entry key list tree node root leaf left right first last next prev count total size
  time date year month day hour minute second user group owner mode file path name type kind class method field
  const let function return if else while for switch case break true false null void public private static new
`;

/** 64 words of eight bytes each, as two 32-bit halves: text that compresses about as well as logs do. */
const TOKENS = new Int32Array(
  Uint8Array.from(
    Buffer.from(
      VOCABULARY.trim()
        .split(/\s+/)
        .slice(0, 64)
        .map((word) => word.slice(0, 7).padEnd(8))
        .join(''),
      'latin1',
    ),
  ).buffer,
);

/** Compressible: words of a small vocabulary, five random numbers drawn from each step of the generator. */
export function writeText(words: Int32Array, first: number, count: number, seed: number): void {
  let a = mix(seed) | 1;
  for (let at = first, end = first + count; at < end; ) {
    a ^= a << 13;
    a ^= a >>> 17;
    a ^= a << 5;
    for (let shift = 0; shift < 30 && at < end; shift += 6, at += 2) {
      const token = ((a >>> shift) & 63) * 2;
      words[at] = TOKENS[token] ?? 0;
      words[at + 1] = TOKENS[token + 1] ?? 0;
    }
  }
}
