import { readFileSync, writeFileSync } from 'node:fs';
import zlib from 'node:zlib';
import { createRandom, testSeed } from '@multifd/testing/random';
import { expect, it } from 'vitest';
import { packKey, snapshotKey } from '../../src/format/names.js';
import { parseSnapshot } from '../../src/format/snapshot.js';
import { ChunkReader } from '../../src/read/chunk-reader.js';
import { ChunkUnpacker } from '../../src/read/chunk-unpacker.js';
import { DiskPacks } from '../../src/read/disk-packs.js';
import { tempStore } from '../support/folder.js';
import { PAGE, save, TestGuest } from '../support/guest.js';

const CHUNK = 65_536;

/** Knows what was read, [offset, end) each. */
class WatchedPacks extends DiskPacks {
  readonly spans: [number, number][] = [];

  override read(id: string, offset: number, into: Uint8Array): void {
    this.spans.push([offset, offset + into.length]);
    super.read(id, offset, into);
  }
}

/** Text in the first chunks, noise behind it, nothing, both by turns; and the block ends within a chunk. */
async function guestInStore(seed: number) {
  const random = createRandom(seed);
  const guest = new TestGuest();
  const text = (chunk: number) => Buffer.alloc(CHUNK, `chunk ${chunk} of this guest `);
  const noise = () => random.bytes(CHUNK);
  for (let chunk = 0; chunk < 8; chunk++) guest.write(0, chunk * CHUNK, text(chunk));
  for (let chunk = 8; chunk < 14; chunk++) guest.write(0, chunk * CHUNK, noise());
  for (let chunk = 30; chunk < 40; chunk++)
    guest.write(0, chunk * CHUNK, chunk % 2 === 0 ? text(chunk) : noise());
  guest.write(0, 40 * CHUNK, random.bytes(3 * PAGE));
  const { directory, objects, store } = await tempStore();
  await save(store, 'a', guest);
  const bytes = readFileSync(objects.path(snapshotKey('a')));
  const snapshot = parseSnapshot(bytes, 'a');
  const packs = new WatchedPacks(directory);
  return { right: guest.read(0), objects, snapshot, packs, reader: new ChunkReader(snapshot, packs, 'a') };
}

it('chunks that lie behind each other come at once, and none twice', async () => {
  const { right, packs, reader } = await guestInStore(testSeed());
  const all = new Uint8Array(right.length).fill(1);
  reader.read(0, 0, all);
  expect(Buffer.compare(all, right)).toBe(0);
  // 25 chunks in two runs, with zeros between them.
  expect(packs.spans).toHaveLength(2);
  const [first, second] = packs.spans;
  expect(second?.[0]).toBe(first?.[1]);
  packs.close();
});

it('parts of chunks come of one that was read, and any piece is right', async () => {
  const seed = testSeed();
  const { right, packs, reader } = await guestInStore(seed);
  const random = createRandom(seed);
  for (let at = 0; at < 3 * CHUNK; at += PAGE) {
    const page = new Uint8Array(PAGE);
    reader.read(0, at, page);
    expect(Buffer.compare(page, right.subarray(at, at + PAGE))).toBe(0);
  }
  expect(packs.spans).toHaveLength(3);
  for (let round = 0; round < 200; round++) {
    const from = random.int(right.length);
    const piece = new Uint8Array(random.int(right.length - from) + 1);
    reader.read(0, from, piece);
    expect(Buffer.compare(piece, right.subarray(from, from + piece.length))).toBe(0);
  }
  expect(() => reader.read(0, right.length - PAGE, new Uint8Array(PAGE + 1))).toThrow(/block 0 ends at byte/);
  packs.close();
});

it.each([
  ['text', 3],
  ['noise', 11],
  ['noise between text', 33],
])('a chunk among others that has other bytes is named: %s', async (_, chunk) => {
  const { objects, snapshot, packs, reader, right } = await guestInStore(testSeed());
  const runs = snapshot.runs[0];
  const run = runs?.run(runs.runOf(chunk));
  const id = snapshot.packs[(run?.pack ?? 0) - 1] ?? '';
  const index = (run?.first ?? 0) + chunk - (run?.start ?? 0);
  const { offset, stored } = packs.place(id, index);
  const file = objects.path(packKey(id));
  const bytes = readFileSync(file);
  bytes.writeUInt8(bytes.readUInt8(offset + stored - 5) ^ 4, offset + stored - 5);
  writeFileSync(file, bytes);
  expect(() => reader.read(0, 0, new Uint8Array(right.length))).toThrow(
    new RegExp(`^a: chunk ${index} of pack ${id} is damaged: `),
  );
  packs.close();
});

it('a chunk is what zlib takes it for, whatever came before it', () => {
  const unpacker = new ChunkUnpacker();
  const text = Buffer.alloc(CHUNK, 'what is in a frame ');
  const { ZSTD_c_checksumFlag: checksum, ZSTD_c_contentSizeFlag: size } = zlib.constants;
  const whole = zlib.zstdCompressSync(text);
  const frames: readonly (readonly [Uint8Array, boolean])[] = [
    [whole, true],
    [text, true],
    [zlib.zstdCompressSync(text, { params: { [checksum]: 1, [size]: 0 } }), true],
    [whole.subarray(0, -1), false],
    [zlib.zstdCompressSync(text.subarray(1)), false],
    [zlib.zstdCompressSync(Buffer.concat([text, Buffer.from('!')])), false],
    [Buffer.from('no frame'), false],
  ];
  const into = Buffer.alloc(CHUNK);
  for (const [frame, isGood] of [...frames, ...frames.toReversed()]) {
    expect(unpacker.unpack(frame, into.fill(0))).toBe(isGood);
    if (isGood) expect(into.equals(text)).toBe(true);
    expect(unpacker.unpack(whole, into.fill(0))).toBe(true);
    expect(into.equals(text)).toBe(true);
  }
});
