/** What stands behind a block's length in the block list of a mapped-ram file (docs/wire.md, 8). */
export interface MappedRamHeader {
  /** Bytes. */
  readonly pageSize: number;
  /** Byte offset in the file of the bitmap: bit i of byte i/8 is page i; 1: the page is in the file. */
  readonly bitmapOffset: number;
  /** Byte offset in the file of the block's first page. */
  readonly pagesOffset: number;
}

export const HEADER_SIZE = 28;
export const HEADER_VERSION = 1;

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
