import { randomBytes } from 'node:crypto';
import zlib from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { loadBinding } from '../src/load.js';
import { zstdFramePacker, zstdFrames } from '../src/zstd-frames.js';

const built = 'binding' in loadBinding();
// `engines` has a Node without it.
const able = built && typeof zlib.zstdCompressSync === 'function';

test('there is a decoder, and an encoder, exactly where there is machine code', () => {
  expect(zstdFrames() !== undefined).toBe(built);
  expect(zstdFramePacker(1) !== undefined).toBe(built);
});

describe.skipIf(!able)('frames of zstd', () => {
  const one = Buffer.alloc(65_536, 'a chunk of text, ');
  const other = Buffer.alloc(4096, 'and a shorter one');

  test('come back one after the other, and several at a time', () => {
    const frames = zstdFrames();
    const into = Buffer.alloc(one.length);
    for (let round = 0; round < 3; round++) {
      expect(frames?.unpack(zlib.zstdCompressSync(one), into)).toBe(true);
      expect(into.equals(one)).toBe(true);
      expect(frames?.unpack(zlib.zstdCompressSync(other), into.subarray(0, other.length))).toBe(true);
      expect(into.subarray(0, other.length).equals(other)).toBe(true);
    }
    const both = Buffer.concat([zlib.zstdCompressSync(one), zlib.zstdCompressSync(other)]);
    const room = Buffer.alloc(one.length + other.length);
    expect(frames?.unpack(both, room)).toBe(true);
    expect(room.equals(Buffer.concat([one, other]))).toBe(true);
  });

  test('that give less, or more, or are damaged, are refused, and the next one comes back', () => {
    const frames = zstdFrames();
    const frame = zlib.zstdCompressSync(one);
    const into = Buffer.alloc(one.length);
    const spoilt = Buffer.from(frame);
    spoilt.fill(0xff, 0, 4);
    for (const [bytes, room] of [
      [frame, Buffer.alloc(one.length + 1)],
      [frame, Buffer.alloc(one.length - 1)],
      [frame.subarray(0, frame.length - 1), into],
      [spoilt, into],
      [new Uint8Array(0), into],
    ] as const) {
      expect(frames?.unpack(bytes, room)).toBe(false);
      expect(frames?.unpack(frame, into.fill(0))).toBe(true);
      expect(into.equals(one)).toBe(true);
    }
  });

  test('are made, each for itself, and Node reads them', () => {
    const packer = zstdFramePacker(1);
    const room = Buffer.alloc(one.length + 1024);
    const noise = randomBytes(one.length);
    for (const bytes of [
      one,
      other,
      noise,
      Buffer.alloc(one.length),
      one.subarray(0, 1),
      Buffer.alloc(0),
      one,
    ]) {
      const size = packer?.pack(bytes, room) ?? -1;
      // A byte behind it would be another frame, or an error.
      expect(zlib.zstdDecompressSync(room.subarray(0, size)).equals(bytes)).toBe(true);
      if (bytes === one) expect(size).toBeLessThan(200);
    }
    expect(() => packer?.pack(noise, room.subarray(0, 100))).toThrow(/no room/);
    expect(zlib.zstdDecompressSync(room.subarray(0, packer?.pack(one, room))).equals(one)).toBe(true);
  });
});
