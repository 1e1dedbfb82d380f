import { MultifdError, type RawDeviceState, type StreamConfiguration } from '@multifd/core';
import {
  EOS_RECORD,
  encodeBlockListHead,
  encodeConfiguration,
  encodeFileHeader,
  encodeFooter,
  encodeListedBlock,
  encodeSectionPart,
  encodeSectionStart,
  RAM_IDSTR,
  RAM_VERSION,
} from '@multifd/core/wire';
import { bitmapSize, encodeHeader, type MappedRamHeader } from './header.js';

/** QEMU begins each block's pages at a multiple of this, in bytes. */
const PAGES_ALIGNMENT = 2 ** 20;
/** Room for the front without device state, in bytes: the names have 255 at most. */
const FRONT_SIZE = 4096;
/** Any number that no device of QEMU's has: those count up from 0. */
export const RAM_SECTION_ID = 0x0052_414d;

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
      throw new MultifdError(
        'usage',
        `RAM block ${name}: ${length} bytes are not a multiple of the page size ${pageSize}`,
      );
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
    encodeFileHeader(),
    encodeConfiguration({ ...configuration, machineType, capabilities: ['mapped-ram'] }),
    state.beforeRam ?? new Uint8Array(0),
    encodeSectionStart('start', RAM_SECTION_ID, RAM_IDSTR, 0, RAM_VERSION),
    encodeBlockListHead(total),
  );
  const [first] = layout.blocks;
  const pieces = layout.blocks.map((block, index) => {
    const entry = concat(encodeListedBlock(block.name, block.length), encodeHeader(block));
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
  const endOfBody = concat(EOS_RECORD, encodeFooter(RAM_SECTION_ID));
  const end = concat(endOfBody, state.early, encodeSectionPart('end', RAM_SECTION_ID), endOfBody);
  return [...pieces, { offset: layout.endOffset, bytes: end }];
}

function concat(...parts: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(parts));
}
