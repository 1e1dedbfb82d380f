import { createHash } from 'node:crypto';
import { zstdCompressSync } from 'node:zlib';
import { createRandom } from '@multifd/testing/random';
import { type Piece, u32 } from './bytes.ts';

/** docs/store-format.md. */
const CHUNK = 65_536;
const PAGE = 4096;

/** An object of a store, as productions. */
export interface StoreObject {
  readonly kind: 'store' | 'pack' | 'snapshot' | 'lease';
  readonly key: string;
  readonly pieces: readonly Piece[];
}

/** What a snapshot has to give back. */
export interface StoredRam {
  readonly name: string;
  readonly blocks: readonly Uint8Array[];
}

export interface ValidStore {
  readonly objects: readonly StoreObject[];
  readonly guests: readonly StoredRam[];
}

/** Where a chunk is: the number of a pack, and the chunk in it; undefined: it is zero. */
type Place = readonly [number, number] | undefined;

export const sha256 = (...parts: readonly Uint8Array[]): Uint8Array => {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part);
  return hash.digest();
};

export const hexOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

export const packKeyOf = (id: Uint8Array): string => `packs/${hexOf(id).slice(0, 2)}/${hexOf(id)}`;

/** Of chunks that are not zero: text is packed, noise is not. */
const CONTENT: readonly Uint8Array[] = [CHUNK, CHUNK, CHUNK, CHUNK, 3 * PAGE, 5 * PAGE, CHUNK, CHUNK].map(
  (length, seed) =>
    seed % 2 === 0
      ? Buffer.from(`chunk ${seed} of a guest\n`.repeat(CHUNK / 16)).subarray(0, length)
      : createRandom(seed).bytes(length),
);
const PACKS: readonly (readonly number[])[] = [[0, 1, 2, 3, 4, 5], [6], [7]];
const SIZES = [6 * CHUNK + 3 * PAGE, 5 * PAGE];
const NAMES = ['pc.ram', 'pc.bios'];

const A: readonly (readonly Place[])[] = [
  [[0, 0], [0, 1], undefined, undefined, [0, 2], [0, 3], [0, 4]],
  [[0, 5]],
];
const B: typeof A = [[[1, 0], ...(A[0] ?? []).slice(1)], A[1] ?? []];
const C: typeof A = [[[2, 0], ...Array.from({ length: 6 }, () => undefined)], A[1] ?? []];

/** Three guests, of which one shares nothing but its firmware with the others, and a lease of somebody who has ended. */
export function validStore(): ValidStore {
  const packs = PACKS.map((numbers) => packOf(numbers.map((number) => CONTENT[number] ?? new Uint8Array(0))));
  const ids = packs.map((pieces) => idOf(pieces));
  const snapshots = Object.entries({ a: A, b: B, keep: C }).map(([name, places]) => ({
    kind: 'snapshot' as const,
    key: `snapshots/${name}`,
    pieces: snapshotOf(places, ids),
  }));
  const guests = Object.entries({ a: A, b: B, keep: C }).map(([name, places]) => ({
    name,
    blocks: places.map((chunks, block) => ramOf(chunks, SIZES[block] ?? 0)),
  }));
  return {
    objects: [
      { kind: 'store', key: 'multifd-store.json', pieces: [{ what: 'store', bytes: json(STORE) }] },
      ...packs.map((pieces, index) => ({
        kind: 'pack' as const,
        key: packKeyOf(ids[index] ?? new Uint8Array(0)),
        pieces,
      })),
      ...snapshots,
      { kind: 'lease', key: 'leases/0123456789abcdef-0', pieces: [{ what: 'lease', bytes: json(LEASE) }] },
    ],
    guests,
  };
}

export const STORE = {
  format: 'multifd-store',
  'format-version': 1,
  'chunk-size': CHUNK,
  hash: 'sha256',
  compression: 'zstd',
};

export const LEASE = {
  kind: 'use',
  purpose: 'a receive of a',
  owner: { host: 'elsewhere', scope: null, pid: 7, start: null },
  expires: 1_000_000,
};

export const HEAD = {
  'machine-type': 'pc-q35-10.0',
  uuid: '00112233-4455-6677-8899-aabbccddeeff',
  time: '2026-11-30T12:00:00.000Z',
  parent: { name: 'before', id: 'ab'.repeat(32) },
  'page-size': PAGE,
  'chunk-size': CHUNK,
  'target-page-bits': 12,
  devices: { 'before-ram': 0, early: 5, rest: 30, described: false },
  content: 7 * CHUNK,
  added: CHUNK,
  stored: 1000,
};

export function json(value: unknown): Uint8Array {
  return Buffer.from(JSON.stringify(value));
}

/** An entry of a pack's index. */
export function packEntry(raw: Uint8Array, stored: number): Uint8Array {
  return Buffer.concat([sha256(raw), u32(stored), u32(raw.length)]);
}

export function run(pack: number, first: number, chunks: number): Uint8Array {
  return Buffer.concat([u32(pack), u32(first), u32(chunks)]);
}

/** The pack's name: the hash of all that is before its chunks. */
export function idOf(pieces: readonly Piece[]): Uint8Array {
  return sha256(...pieces.filter(({ what }) => what !== 'chunk').map(({ bytes }) => bytes));
}

function packOf(chunks: readonly Uint8Array[]): Piece[] {
  const stored = chunks.map((raw) => {
    const packed = zstdCompressSync(raw);
    return packed.length < raw.length ? packed : raw;
  });
  return [
    { what: 'pack header', bytes: Buffer.concat([Buffer.from('mfd-pack'), u32(1)]) },
    { what: 'pack count', bytes: u32(chunks.length) },
    ...chunks.map((raw, index) => ({
      what: 'pack entry',
      bytes: packEntry(raw, stored[index]?.length ?? 0),
    })),
    ...stored.map((bytes) => ({ what: 'chunk', bytes })),
  ];
}

function snapshotOf(places: readonly (readonly Place[])[], ids: readonly Uint8Array[]): Piece[] {
  const runs = places.map((chunks) => chunks.map((place) => runOf(place)));
  const blocks = NAMES.map((name, index) => ({ name, size: SIZES[index], runs: runs[index]?.length }));
  const head = json({ ...HEAD, blocks, packs: ids.length });
  const { early, rest } = HEAD.devices;
  const pieces: Piece[] = [
    { what: 'snapshot header', bytes: Buffer.concat([Buffer.from('mfd-snap'), u32(1)]) },
    { what: 'head length', bytes: u32(head.length) },
    { what: 'head', bytes: head },
    { what: 'pack table', bytes: Buffer.concat(ids) },
    ...runs.map((each) => ({ what: 'runs', bytes: Buffer.concat(each) })),
    { what: 'device state', bytes: Buffer.alloc(early + rest, 'device') },
  ];
  return [...pieces, { what: 'seal', bytes: sha256(...pieces.map(({ bytes }) => bytes)) }];
}

function runOf(place: Place): Uint8Array {
  return place === undefined ? run(0, 0, 1) : run(place[0] + 1, place[1], 1);
}

function ramOf(chunks: readonly Place[], size: number): Uint8Array {
  const ram = new Uint8Array(size);
  for (const [at, place] of chunks.entries()) {
    const raw = place === undefined ? undefined : CONTENT[PACKS[place[0]]?.[place[1]] ?? 0];
    if (raw !== undefined) ram.set(raw, at * CHUNK);
  }
  return ram;
}
