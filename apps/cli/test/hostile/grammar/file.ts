import {
  encodeConfiguration,
  encodeFileHeader,
  encodeListedBlock,
  encodeSectionPart,
  encodeSectionStart,
} from '@multifd/core/wire';
import type { Random } from '@multifd/testing/random';
import { NASTY_NAMES, NASTY_U32, NASTY_U64, type Piece, patched, pick, pstr, u32, u64 } from './bytes.ts';
import { BLOCKS, endOfSection, PAGE, RAM_ID, validTail } from './main-stream.ts';

const MIB = 2 ** 20;
const BITMAP = 8;
/** Where the first block's pages are, and the second's: multiples of 1 MiB, as QEMU has them. */
const PAGES = [MIB, 2 * MIB] as const;

/** Offsets in a block's entry behind its name: length, then version, page size, bitmap and pages (docs/wire.md, 8). */
const HEADER = { length: 0, version: 8, pageSize: 12, bitmap: 20, pages: 28, size: 36 } as const;

/** A mapped-ram file that `inspect` explains and `migrate` sends. Its pieces in a row are the file. */
export function validFile(random: Random): Piece[] {
  const pieces: Piece[] = [
    { what: 'header', bytes: encodeFileHeader() },
    {
      what: 'configuration',
      bytes: encodeConfiguration({ machineType: 'none', capabilities: ['mapped-ram'] }),
    },
    { what: 'start', bytes: encodeSectionStart('start', RAM_ID, 'ram', 0, 4) },
    { what: 'block list', bytes: u64(BigInt(BLOCKS[0].length + BLOCKS[1].length) | 4n) },
  ];
  BLOCKS.forEach((block, index) => {
    const at = pieces.reduce((sum, { bytes }) => sum + bytes.length, 0);
    const listed = encodeListedBlock(block.name, block.length);
    const pagesAt = PAGES[index] ?? 0;
    const header = [u32(1), u64(BigInt(PAGE)), u64(BigInt(at + listed.length + 28)), u64(BigInt(pagesAt))];
    const entry = Buffer.concat([listed, ...header]);
    const hole = pagesAt - at - entry.length - BITMAP;
    pieces.push(
      { what: 'entry', bytes: entry },
      { what: 'bitmap', bytes: random.bytes(BITMAP) },
      { what: 'hole', bytes: new Uint8Array(hole) },
      { what: 'pages', bytes: new Uint8Array(block.length).fill(random.int(256)) },
    );
  });
  return [
    ...pieces,
    endOfSection(RAM_ID),
    { what: 'end', bytes: encodeSectionPart('end', RAM_ID) },
    endOfSection(RAM_ID),
    ...validTail(random),
  ];
}

/** The file: a hole is as long as it has to be for the pages behind it, whatever became of what is before it. */
export function assembleFile(pieces: readonly Piece[]): Uint8Array {
  const parts: Uint8Array[] = [];
  let at = 0;
  let holes = 0;
  for (const { what, bytes } of pieces) {
    const until = what === 'hole' && bytes.length > 0 ? PAGES[holes++] : undefined;
    const part = until !== undefined && until > at ? new Uint8Array(until - at) : bytes;
    parts.push(part);
    at += part.length;
  }
  return Buffer.concat(parts);
}

type Variant = (random: Random) => Uint8Array;
const n64: Variant = (random) => u64(pick(random, NASTY_U64));
/** Places in the file, right and wrong: within the front, a bitmap, the other block's pages, the tail, behind the end. */
const PLACES = [
  0n,
  8n,
  100n,
  4096n,
  2n ** 20n - 4096n,
  2n ** 20n,
  2n ** 20n + 1n,
  2n ** 20n + 4096n,
  2n ** 21n,
  2n ** 21n + 16384n,
  2n ** 22n,
];
const place: Variant = (random) => u64(pick(random, PLACES));
const nameSize = BLOCKS[0].name.length + 1;

function entry(random: Random, at: number, by: Uint8Array): Uint8Array {
  const found = validFile(random).find(({ what }) => what === 'entry');
  if (found === undefined) throw new Error('a file without an entry');
  return patched(found.bytes, nameSize + at, by);
}

/** By the name of a production: what stands in its place, or beside it. */
export const HOSTILE_FILE: Readonly<Record<string, readonly Variant[]>> = {
  entry: [
    (random) => entry(random, HEADER.length, n64(random)),
    (random) => entry(random, HEADER.version, u32(pick(random, NASTY_U32))),
    (random) => entry(random, HEADER.pageSize, n64(random)),
    (random) => entry(random, HEADER.bitmap, n64(random)),
    (random) => entry(random, HEADER.bitmap, place(random)),
    (random) => entry(random, HEADER.bitmap, place(random)),
    (random) => entry(random, HEADER.pages, n64(random)),
    (random) => entry(random, HEADER.pages, place(random)),
    (random) => entry(random, HEADER.pages, place(random)),
    (random) => {
      const found = entry(random, 0, new Uint8Array(0)).subarray(nameSize);
      return Buffer.concat([pstr(pick(random, NASTY_NAMES)), found]);
    },
  ],
  bitmap: [
    () => new Uint8Array(BITMAP).fill(0xff),
    () => new Uint8Array(BITMAP).fill(0x55),
    // Bits behind the last page.
    () => Buffer.concat([new Uint8Array(BITMAP), new Uint8Array(1000).fill(0xff)]),
  ],
  'block list': [n64, (random) => u64((pick(random, NASTY_U64) & ~4095n) | 4n)],
};
