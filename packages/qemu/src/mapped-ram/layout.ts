import { MultifdError, type RawDeviceState, type StreamConfiguration } from '@multifd/core';
import { SECTION } from '../stream/layout.js';
import { bitmapSize, encodeHeader, type MappedRamHeader } from './header.js';

/** QEMU begins each block's pages at a multiple of this, in bytes. */
const PAGES_ALIGNMENT = 2 ** 20;
/** Room for the front without device state, in bytes: the names have 255 at most. */
const FRONT_SIZE = 4096;
const RAM_SECTION_VERSION = 4;
/** Any number that no device of QEMU's has: those count up from 0. */
export const RAM_SECTION_ID = 0x0052_414d;
const UUID_SIZE = 16;
const MEM_SIZE = 4n;
const EOS = 0x10n;

/** A block and where its parts are. Bytes. */
export interface PlacedHeader extends MappedRamHeader {
  readonly name: string;
  readonly length: number;
  /** Where its entry of the block list begins; the first one's follows the front. */
  readonly entryOffset: number;
}

/** Where everything is in a mapped-ram file. */
export interface MappedRamLayout {
  readonly pageSize: number;
  readonly blocks: readonly PlacedHeader[];
  /** Where the stream goes on behind the last block's pages. */
  readonly endOffset: number;
}

/**
 * Plans a file (docs/wire.md, 8) before machine type and content are known: the first bitmap leaves room for any
 * front, the others follow their entries.
 * @param ahead bytes of device state before RAM.
 * @throws MultifdError `usage` for blocks that do not fit the format.
 */
export function planLayout(
  blocks: readonly { readonly name: string; readonly length: number }[],
  pageSize: number,
  ahead = 0,
): MappedRamLayout {
  if (blocks.length === 0) throw new MultifdError('usage', 'a mapped-ram file needs at least one RAM block');
  const placed: PlacedHeader[] = [];
  let at = 0;
  for (const { name, length } of blocks) {
    if (length <= 0 || length % pageSize !== 0 || !Number.isSafeInteger(length)) {
      throw new MultifdError('usage', `RAM block ${name}: ${length} bytes are no pages of ${pageSize}`);
    }
    const entryOffset = at;
    // The entry has at most 256 bytes of name, 8 of length and 28 of header.
    const bitmapOffset = placed.length === 0 ? Math.ceil((FRONT_SIZE + ahead) / 8) * 8 : at + 512;
    const end = bitmapOffset + bitmapSize(length / pageSize);
    const pagesOffset = Math.ceil(end / PAGES_ALIGNMENT) * PAGES_ALIGNMENT;
    placed.push({ name, length, pageSize, entryOffset, bitmapOffset, pagesOffset });
    at = pagesOffset + length;
  }
  if (!Number.isSafeInteger(at)) throw new MultifdError('usage', 'a mapped-ram file of more than 2^53 bytes');
  return { pageSize, blocks: placed, endOffset: at };
}

/** Bytes, and where in the file they belong. */
export interface Piece {
  readonly offset: number;
  readonly bytes: Uint8Array;
}

/**
 * Everything but bitmaps, pages and what is behind RAM: the front with the block list, spread over the file, and the
 * end of the RAM sections.
 * @param state what stands before the START section of RAM, and between it and the END section, as its sections.
 * @throws MultifdError `usage` for a machine type that does not fit, and for device state that was not planned for.
 */
export function encodeFrame(
  layout: MappedRamLayout,
  machineType: string,
  configuration: StreamConfiguration,
  state: Omit<RawDeviceState, 'bytes'>,
): Piece[] {
  const total = layout.blocks.reduce((sum, { length }) => sum + length, 0);
  const front = concat(
    Uint8Array.of(0x51, 0x45, 0x56, 0x4d, 0, 0, 0, 3, SECTION.CONFIGURATION),
    encodeConfiguration(machineType, configuration),
    state.beforeRam ?? new Uint8Array(0),
    u8(SECTION.START),
    u32(RAM_SECTION_ID),
    pstr('ram'),
    u32(0),
    u32(RAM_SECTION_VERSION),
    u64(BigInt(total) | MEM_SIZE),
  );
  const [first] = layout.blocks;
  const pieces = layout.blocks.map((block, index) => {
    const entry = concat(pstr(block.name), u64(BigInt(block.length)), encodeHeader(block));
    return index === 0
      ? { offset: 0, bytes: concat(front, entry) }
      : { offset: block.entryOffset, bytes: entry };
  });
  const head = pieces[0]?.bytes.length ?? 0;
  if (first !== undefined && head > first.bitmapOffset)
    throw new MultifdError(
      'usage',
      `${head} bytes before the first bitmap, and room for ${first.bitmapOffset}: openRam was not told what came ahead`,
    );
  const end = concat(
    ...[u64(EOS), u8(SECTION.FOOTER), u32(RAM_SECTION_ID)],
    state.early,
    ...[u8(SECTION.END), u32(RAM_SECTION_ID), u64(EOS), u8(SECTION.FOOTER), u32(RAM_SECTION_ID)],
  );
  return [...pieces, { offset: layout.endOffset, bytes: end }];
}

/** In QEMU's order: page bits, capabilities, uuid. */
function encodeConfiguration(machineType: string, { targetPageBits, uuid }: StreamConfiguration): Uint8Array {
  const name = new TextEncoder().encode(machineType);
  if (name.length < 1 || name.length > 255) {
    throw new MultifdError('usage', `machine type ${machineType}: must be 1 to 255 bytes`);
  }
  if (uuid !== undefined && uuid.length !== UUID_SIZE)
    throw new MultifdError('usage', `a uuid has 16 bytes, got ${uuid.length}`);
  return concat(
    u32(name.length),
    name,
    ...(targetPageBits === undefined
      ? []
      : [subsection('configuration/target-page-bits', u32(targetPageBits))]),
    subsection('configuration/capabilities', concat(u32(1), pstr('mapped-ram'))),
    ...(uuid === undefined ? [] : [subsection('configuration/uuid', uuid)]),
  );
}

function subsection(name: string, body: Uint8Array): Uint8Array {
  return concat(u8(SECTION.SUBSECTION), pstr(name), u32(1), body);
}

/** @throws MultifdError `usage` unless it is 1 to 255 bytes. */
function pstr(text: string): Uint8Array {
  const bytes = new TextEncoder().encode(text);
  if (bytes.length < 1 || bytes.length > 255) {
    throw new MultifdError('usage', `name ${text}: must be 1 to 255 bytes`);
  }
  return concat(u8(bytes.length), bytes);
}

function u8(value: number): Uint8Array {
  return Uint8Array.of(value);
}

function u32(value: number): Uint8Array {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, value);
  return bytes;
}

function u64(value: bigint): Uint8Array {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigUint64(0, value);
  return bytes;
}

function concat(...parts: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(parts));
}
