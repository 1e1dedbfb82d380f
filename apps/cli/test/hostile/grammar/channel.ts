import { deflateSync, zstdCompressSync } from 'node:zlib';
import {
  createRamPacket,
  encodeInitPacket,
  encodeRamPacket,
  FLAG_SYNC,
  FLAG_ZERO_RUNS,
  packetHeaderSize,
} from '@multifd/core/wire';
import type { Random } from '@multifd/testing/random';
import { NASTY_NAMES, NASTY_U32, NASTY_U64, type Piece, patched, pick, u32, u64 } from './bytes.ts';
import { BLOCKS, PAGE } from './main-stream.ts';

export type Compression = 'none' | 'zlib' | 'zstd';
const FLAG = { none: 0, zlib: 2, zstd: 4 } as const;
/** Bytes that a bomb unpacks to. */
const BOMB = 64 * 2 ** 20;

/** Byte offsets in a packet's header (docs/wire.md, 4.2). */
const AT = {
  flags: 8,
  allocated: 12,
  normal: 16,
  size: 20,
  number: 24,
  zero: 32,
  name: 64,
  offsets: 320,
} as const;

interface PacketParts {
  readonly flags: number;
  readonly normal?: readonly number[];
  readonly zero?: readonly number[];
  readonly payload?: Uint8Array;
}

function packet({ flags, normal = [], zero = [], payload = new Uint8Array(0) }: PacketParts): Uint8Array {
  const fields = createRamPacket(PAGE);
  const has = normal.length + zero.length > 0;
  fields.flags = flags;
  fields.pagesAllocated = has ? 128 : 0;
  fields.normalPages = normal.length;
  fields.zeroPages = zero.length;
  fields.payloadSize = payload.length;
  fields.blockName = has ? BLOCKS[0].name : '';
  fields.offsets.set([...normal, ...zero]);
  const header = new Uint8Array(packetHeaderSize(PAGE));
  encodeRamPacket(fields, header, PAGE);
  return Buffer.concat([header, payload]);
}

const sync = (): Uint8Array => packet({ flags: FLAG_SYNC });

/** What a packet with `pages` has for its payload: each codec takes a complete stream or frame as a channel's first. */
function payloadOf(compression: Compression, pages: Uint8Array): Uint8Array {
  if (compression === 'zlib') return withoutEnd(pages);
  return compression === 'zstd' ? zstdCompressSync(pages) : pages;
}

/** Stored blocks, as a stream that goes on: QEMU's is never finished. */
function withoutEnd(pages: Uint8Array): Uint8Array {
  const parts: Uint8Array[] = [];
  for (let at = 0; at < pages.length; at += PAGE) {
    const head = Buffer.alloc(5);
    head.writeUInt16LE(PAGE, 1);
    head.writeUInt16LE(PAGE ^ 0xffff, 3);
    parts.push(head, pages.subarray(at, at + PAGE));
  }
  return Buffer.concat(parts);
}

/** A channel that a destination takes: a sync for each FLUSH that main has (`syncs`), and more are no error. */
export function validChannel(
  random: Random,
  channel: number,
  syncs: number,
  compression: Compression,
): Piece[] {
  const pieces: Piece[] = [
    { what: 'init', bytes: encodeInitPacket({ uuid: new Uint8Array(16), channel }) },
    { what: 'sync', bytes: sync() },
  ];
  let packets = 0;
  for (let index = 1; index < syncs; index++) {
    if (random.int(2) === 0)
      pieces.push({ what: 'packet', bytes: somePages(random, compression, packets++ === 0) });
    pieces.push({ what: 'sync', bytes: sync() });
  }
  return pieces;
}

function somePages(random: Random, compression: Compression, first: boolean): Uint8Array {
  const normal = Array.from({ length: 1 + random.int(4) }, () => random.int(64) * PAGE);
  const zero = Array.from({ length: random.int(4) }, () => random.int(64) * PAGE);
  const pages = Buffer.alloc(normal.length * PAGE, random.int(256));
  const packed = payloadOf(compression, pages);
  // The header of a zlib stream stands before the first payload of a channel only.
  const payload = compression === 'zlib' && first ? Buffer.concat([Buffer.of(0x78, 0x01), packed]) : packed;
  return packet({ flags: FLAG[compression], normal, zero, payload });
}

type Variant = (random: Random) => Uint8Array;
const field =
  (at: number, by: Variant): Variant =>
  (random) =>
    patched(plain(random), at, by(random));
const plain: Variant = (random) => somePages(random, 'none', true);
const n32: Variant = (random) => u32(pick(random, NASTY_U32));
const n64: Variant = (random) => u64(pick(random, NASTY_U64));

/** Made once: it takes a quarter of a second. */
const bombs = new Map<string, Uint8Array>();

/** A small payload that unpacks to far more than its packet's one page. */
function bomb(compression: 'zlib' | 'zstd'): Uint8Array {
  const made = bombs.get(compression);
  if (made !== undefined) return made;
  const zeros = Buffer.alloc(BOMB);
  const payload = compression === 'zlib' ? deflateSync(zeros) : zstdCompressSync(zeros);
  const whole = packet({ flags: FLAG[compression], normal: [0], payload });
  bombs.set(compression, whole);
  return whole;
}

/** The header of a zstd frame that asks for a window of 2^41 bytes, or says that it holds 2^63. */
function hugeFrame(random: Random): Uint8Array {
  const magic = Buffer.of(0x28, 0xb5, 0x2f, 0xfd);
  const window = Buffer.concat([magic, Buffer.of(0x00, 0xff), random.bytes(30)]);
  const content = Buffer.concat([magic, Buffer.of(0xe0, 0, 0, 0, 0, 0, 0, 0, 0x80), random.bytes(30)]);
  return packet({ flags: FLAG.zstd, normal: [0], payload: random.int(2) === 0 ? window : content });
}

/** Runs of zero pages (docs/wire.md, 14): pairs of offset and length. */
function runs(random: Random): Uint8Array {
  const fields = createRamPacket(PAGE);
  fields.flags = FLAG_ZERO_RUNS;
  fields.pagesAllocated = 128;
  fields.zeroRuns = 1;
  fields.blockName = BLOCKS[0].name;
  fields.offsets.set([random.int(64) * PAGE, PAGE]);
  const header = new Uint8Array(packetHeaderSize(PAGE));
  encodeRamPacket(fields, header, PAGE);
  const way = random.int(4);
  if (way === 0) return patched(header, AT.offsets + 8 * random.int(2), n64(random));
  if (way === 1) return patched(header, AT.zero, n32(random));
  if (way === 2) return patched(header, AT.flags, u32(FLAG_ZERO_RUNS + random.int(128)));
  return header;
}

/** By the name of a production: what stands in its place, or beside it. */
export const HOSTILE_CHANNEL: Readonly<Record<string, readonly Variant[]>> = {
  init: [
    (random) => patched(encodeInitPacket({ uuid: new Uint8Array(16), channel: 0 }), 24, random.bytes(1)),
    (random) => patched(encodeInitPacket({ uuid: new Uint8Array(16), channel: 0 }), 4, n32(random)),
    (random) => encodeInitPacket({ uuid: random.bytes(16), channel: 0 }),
  ],
  sync: [
    (random) => patched(sync(), AT.normal, n32(random)),
    (random) => patched(sync(), AT.number, n64(random)),
    () => Buffer.concat(Array.from({ length: 300 }, sync)),
  ],
  packet: [
    field(AT.flags, n32),
    field(AT.flags, (random) => u32(2 ** random.int(32))),
    field(AT.allocated, n32),
    field(AT.normal, n32),
    field(AT.size, n32),
    field(AT.number, n64),
    field(AT.zero, n32),
    field(AT.name, (random) => Buffer.concat([pick(random, NASTY_NAMES), Buffer.of(0)])),
    field(AT.name, () => Buffer.alloc(256, 0x61)),
    field(AT.offsets, n64),
    (random) => patched(patched(plain(random), AT.normal, u32(128)), AT.size, u32(0xffff_f000)),
    () => bomb('zlib'),
    () => bomb('zstd'),
    hugeFrame,
    runs,
    runs,
    (random) =>
      packet({
        flags: FLAG[pick(random, ['zlib', 'zstd'] as const)],
        normal: [0],
        payload: random.bytes(200),
      }),
    () => packet({ flags: FLAG.zlib, normal: [0], payload: deflateSync(Buffer.alloc(PAGE)) }),
    () =>
      packet({
        flags: FLAG.zstd,
        normal: [0],
        payload: Buffer.concat(Array.from({ length: 2000 }, () => zstdCompressSync(Buffer.alloc(0)))),
      }),
    () =>
      packet({
        flags: 0,
        normal: Array.from({ length: 128 }, () => 0),
        payload: Buffer.alloc(128 * PAGE, 1),
      }),
    // A device-state packet: another header (docs/wire.md, 4.4).
    (random) =>
      Buffer.concat([
        patched(sync().subarray(0, 12), AT.flags, u32(0x40)),
        random.bytes(264),
        random.bytes(99),
      ]),
    (random) => random.bytes(2000),
  ],
};
