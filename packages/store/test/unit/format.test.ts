import { readFileSync } from 'node:fs';
import { MultifdError } from '@multifd/core';
import { createRandom, testSeed } from '@multifd/testing/random';
import { describe, expect, it } from 'vitest';
import { decodeChunk, encodeChunk } from '../../src/format/chunk.js';
import { digest, hex } from '../../src/format/hash.js';
import { CHUNK_SIZE } from '../../src/format/layout.js';
import { checkName, nameOf, packKey, packOf } from '../../src/format/names.js';
import { indexSize, PackIndex, packCount } from '../../src/format/pack-index.js';
import { RunWriter } from '../../src/format/runs.js';
import { encodeSnapshot, parseSnapshot, type SnapshotParts } from '../../src/format/snapshot.js';

const VECTORS: {
  readonly pack: string;
  readonly 'pack-id': string;
  readonly snapshot: string;
  readonly 'snapshot-id': string;
} = JSON.parse(readFileSync(new URL('./vectors/version-1.json', import.meta.url), 'utf8'));

const RAW = Uint8Array.from({ length: 64 }, (_, index) => index * 3);
const CHUNKS = [
  { hash: digest(RAW), stored: RAW, length: RAW.length },
  // zstd's frame of 4096 times `a`.
  {
    hash: digest(Buffer.alloc(4096, 'a')),
    stored: Buffer.from('28b52ffd60000f4d00001061610100fbf70116', 'hex'),
    length: 4096,
  },
];

function parts(): SnapshotParts {
  const runs = new RunWriter();
  runs.add(0, 0);
  runs.add(0, 0);
  runs.add(1, 5);
  runs.add(1, 6);
  runs.add(1, 0);
  return {
    head: {
      machineType: 'pc-q35-10.0',
      uuid: '00010203-0405-0607-0809-0a0b0c0d0e0f',
      time: '2026-11-30T12:00:00.000Z',
      parent: { name: 'before', id: 'ab'.repeat(32) },
      pageSize: 4096,
      targetPageBits: null,
      content: 3 * CHUNK_SIZE,
      added: CHUNK_SIZE,
      stored: 4711,
    },
    blocks: [{ name: 'pc.ram', size: 5 * CHUNK_SIZE, runs: runs.bytes }],
    packs: ['01'.repeat(32)],
    devices: { beforeRam: Buffer.from('before'), early: Buffer.from('early'), bytes: Buffer.from('rest') },
    described: true,
  };
}

describe('version 1 of the format', () => {
  it('a pack, by its bytes', () => {
    const index = PackIndex.of(CHUNKS.map(({ stored, ...chunk }) => ({ ...chunk, stored: stored.length })));
    const bytes = Buffer.concat([index.bytes, ...CHUNKS.map(({ stored }) => stored)]);
    expect(bytes.toString('hex')).toBe(VECTORS.pack);
    expect(index.id).toBe(VECTORS['pack-id']);
    const parsed = PackIndex.parse(bytes, 'x', bytes.length, VECTORS['pack-id'], CHUNK_SIZE);
    for (const [place, { length }] of CHUNKS.entries()) {
      const { offset, stored } = parsed.place(place);
      const raw = decodeChunk(bytes.subarray(offset, offset + stored), length);
      expect(raw !== undefined && parsed.isChunk(place, raw)).toBe(true);
    }
  });

  it('a snapshot, by its bytes', () => {
    const { id, bytes } = encodeSnapshot(parts());
    expect(Buffer.from(bytes).toString('hex')).toBe(VECTORS.snapshot);
    expect(id).toBe(VECTORS['snapshot-id']);
    const { head, packs, runs, devices } = parseSnapshot(bytes, 'x');
    expect(head).toMatchObject(parts().head);
    expect(packs).toEqual(parts().packs);
    expect([0, 1, 2].map((each) => runs[0]?.run(each))).toEqual([
      { start: 0, end: 2, pack: 0, first: 0 },
      { start: 2, end: 4, pack: 1, first: 5 },
      { start: 4, end: 5, pack: 1, first: 0 },
    ]);
    expect([0, 1, 2, 3, 4].map((chunk) => runs[0]?.runOf(chunk))).toEqual([0, 0, 1, 1, 2]);
    expect(
      Object.values(devices)
        .map((each) => Buffer.from(each).toString())
        .sort(),
    ).toEqual(['before', 'early', 'rest']);
  });

  it('names of packs and snapshots', () => {
    const id = 'c0'.repeat(32);
    expect(packOf(packKey(id))).toBe(id);
    expect(packOf(`packs/c1/${id}`)).toBeUndefined();
    expect(nameOf('snapshots/a.b-c_1')).toBe('a.b-c_1');
    for (const name of ['', '.a', '-a', 'a/b', 'a b', 'ä', 'a'.repeat(129)]) {
      expect(() => checkName(name)).toThrow(/not a name/);
      expect(nameOf(`snapshots/${name}`)).toBeUndefined();
    }
  });
});

describe('a chunk', () => {
  it('comes back, compressed or not, and never longer than it may be', () => {
    const seed = testSeed();
    const noise = createRandom(seed).bytes(CHUNK_SIZE);
    expect(encodeChunk(noise)).toBe(noise);
    const text = Buffer.alloc(CHUNK_SIZE, 'text of a guest ');
    const stored = encodeChunk(text);
    expect(stored.length).toBeLessThan(200);
    expect(Buffer.compare(decodeChunk(stored, CHUNK_SIZE) ?? new Uint8Array(0), text)).toBe(0);
    // More, and less, than was announced.
    expect(decodeChunk(stored, CHUNK_SIZE - 1)).toBeUndefined();
    expect(decodeChunk(stored, CHUNK_SIZE + 1)).toBeUndefined();
    expect(decodeChunk(Buffer.from('no frame'), 100)).toBeUndefined();
  });
});

describe('hostile bytes', () => {
  const refused = (error: unknown) =>
    MultifdError.is(error) && ['protocol', 'incompatible'].includes(error.code);

  it('a snapshot with any bytes changed, and its hash made right again', () => {
    const seed = testSeed();
    const random = createRandom(seed);
    const { bytes } = encodeSnapshot(parts());
    let parsed = 0;
    for (let round = 0; round < 3000; round++) {
      const spoiled = Buffer.from(
        bytes.subarray(0, random.int(8) === 0 ? random.int(bytes.length) : bytes.length),
      );
      for (let each = random.int(4); each >= 0; each--) {
        if (spoiled.length > 0) spoiled[random.int(spoiled.length)] = random.int(256);
      }
      if (spoiled.length > 32) digestInto(spoiled);
      try {
        const { head, runs } = parseSnapshot(spoiled, 'x');
        parsed++;
        // What is taken adds up.
        expect(runs.map(({ chunks }) => chunks)).toEqual(
          head.blocks.map(({ size }) => Math.ceil(size / CHUNK_SIZE)),
        );
      } catch (error) {
        expect(refused(error), `seed ${seed}: ${error}`).toBe(true);
      }
    }
    // Device state may be any bytes.
    expect(parsed).toBeGreaterThan(0);
    expect(parsed).toBeLessThan(2500);
  });

  it('a pack with any bytes changed, under its own name', () => {
    const seed = testSeed();
    const random = createRandom(seed);
    const index = PackIndex.of(CHUNKS.map(({ stored, ...chunk }) => ({ ...chunk, stored: stored.length })));
    const bytes = Buffer.concat([index.bytes, ...CHUNKS.map(({ stored }) => stored)]);
    for (let round = 0; round < 3000; round++) {
      const spoiled = Buffer.from(
        bytes.subarray(0, random.int(8) === 0 ? random.int(bytes.length) : bytes.length),
      );
      for (let each = random.int(4); each >= 0; each--) {
        if (spoiled.length > 0) spoiled[random.int(spoiled.length)] = random.int(256);
      }
      try {
        const count = packCount(spoiled, 'x', spoiled.length);
        const front = spoiled.subarray(0, indexSize(count));
        const parsed = PackIndex.parse(front, 'x', spoiled.length, hex(digest(front)), CHUNK_SIZE);
        for (let place = 0; place < parsed.count; place++) {
          const { offset, stored, length } = parsed.place(place);
          expect(offset + stored).toBeLessThanOrEqual(spoiled.length);
          const raw = decodeChunk(spoiled.subarray(offset, offset + stored), length);
          expect(raw?.length ?? length).toBe(length);
        }
      } catch (error) {
        expect(refused(error), `seed ${seed}: ${error}`).toBe(true);
      }
    }
  });

  it.each([
    '2026-11-30',
    '2026-11-30T12:00:00Z',
    '2026-11-30T12:00:00.000+01:00',
    'Mon, 30 Nov 2026 12:00:00 GMT (\u001b[31m)',
    '+275760-09-13T00:00:00.001Z',
  ])('a snapshot of the time %j', (time) => {
    const { head, ...rest } = parts();
    const { bytes } = encodeSnapshot({ ...rest, head: { ...head, time } });
    expect(() => parseSnapshot(bytes, 'x')).toThrow(/x is damaged: its time/);
  });

  it.each([
    ['more chunks than bytes', (b: Buffer) => b.writeUInt32BE(0xffff, 12), /cannot be in/],
    ['no chunk', (b: Buffer) => b.writeUInt32BE(0, 12), /cannot be in/],
    ['another version', (b: Buffer) => b.writeUInt32BE(2, 8), /format version 2, and this multifd knows 1/],
    ['a chunk longer than a chunk', (b: Buffer) => b.writeUInt32BE(CHUNK_SIZE + 1, 16 + 36), /chunk 0 has/],
    [
      'more stored than raw',
      (b: Buffer) => b.writeUInt32BE(65, 16 + 32),
      /chunk 0 has 65 stored bytes for 64/,
    ],
    ['a chunk of nothing', (b: Buffer) => b.writeUInt32BE(0, 16 + 32), /chunk 0 has 0/],
    ['fewer bytes than it has', (b: Buffer) => b.writeUInt32BE(63, 16 + 32), /its index says/],
  ])('a pack with %s', (_, spoil, fault) => {
    const index = PackIndex.of(CHUNKS.map(({ stored, ...chunk }) => ({ ...chunk, stored: stored.length })));
    const bytes = Buffer.concat([index.bytes, ...CHUNKS.map(({ stored }) => stored)]);
    spoil(bytes);
    const front = bytes.subarray(0, indexSize(2));
    expect(() => PackIndex.parse(front, 'x', bytes.length, hex(digest(front)), CHUNK_SIZE)).toThrow(fault);
  });
});

function digestInto(bytes: Buffer): void {
  bytes.set(digest(bytes.subarray(0, -32)), bytes.length - 32);
}
