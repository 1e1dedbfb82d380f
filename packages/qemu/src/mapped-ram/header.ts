import type { ListedBlock, Reading } from '@multifd/core/wire';
import type { FileReader } from '../stream/file-reader.js';

/** What stands behind a block's length in the block list of a mapped-ram file (docs/wire.md, 8). */
export interface MappedRamHeader {
  /** Bytes. */
  readonly pageSize: number;
  /** Byte offset in the file of the bitmap: bit i of byte i/8 is page i; 1: the page is in the file. */
  readonly bitmapOffset: number;
  /** Byte offset in the file of the block's first page. */
  readonly pagesOffset: number;
}

const HEADER_SIZE = 28;
const HEADER_VERSION = 1;

/** Bytes of a block's bitmap: whole 64-bit words. */
export function bitmapSize(pages: number): number {
  return Math.ceil(pages / 64) * 8;
}

/** The 28 bytes. */
export function encodeHeader(header: MappedRamHeader): Uint8Array {
  const bytes = new Uint8Array(HEADER_SIZE);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, HEADER_VERSION);
  view.setBigUint64(4, BigInt(header.pageSize));
  view.setBigUint64(12, BigInt(header.bitmapOffset));
  view.setBigUint64(20, BigInt(header.pagesOffset));
  return bytes;
}

/**
 * The 28 bytes behind a block of the block list; goes on behind the block's pages. What it points to lies in the file.
 * @param pageSize bytes, that of the stream.
 * @returns undefined if x-ignore-shared leaves the block's pages out of the file: then both offsets are 0 (QEMU 11.1).
 * @throws WireError `protocol`; `incompatible` for another version.
 */
export function* readHeader(
  reader: FileReader,
  { length, address }: ListedBlock,
  pageSize: number,
): Reading<MappedRamHeader | undefined> {
  const version = yield* reader.u32('mapped-ram version');
  if (version !== HEADER_VERSION) throw reader.fault(`${HEADER_VERSION}`, `${version}`, 'incompatible');
  const given = yield* reader.u64('mapped-ram page size');
  if (given !== pageSize) throw reader.fault(`${pageSize}`, `${given}`);
  const bitmapOffset = yield* reader.u64('bitmap offset');
  const bitmapEnd = bitmapOffset + bitmapSize(length / pageSize);
  if (bitmapEnd > reader.size) {
    throw reader.fault(`a bitmap within ${reader.size} bytes`, `one up to ${bitmapEnd}`);
  }
  const pagesOffset = yield* reader.u64('pages offset');
  if (address !== undefined && bitmapOffset === 0 && pagesOffset === 0) return undefined;
  if (pagesOffset < reader.offset || pagesOffset % pageSize !== 0) {
    throw reader.fault(`a multiple of ${pageSize} behind this`, `${pagesOffset}`);
  }
  if (length > reader.size - pagesOffset) {
    throw reader.fault(`${length} bytes of pages`, `${reader.size - pagesOffset}: the file ends there`);
  }
  reader.seek(pagesOffset + length);
  return { pageSize, bitmapOffset, pagesOffset };
}
