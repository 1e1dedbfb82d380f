import { WireError } from '../errors.js';
import { readU32 } from './bytes.js';
import { CHANNEL_MAGIC, CHANNEL_VERSION, packetHeaderSize } from './layout.js';

/** Pages of QEMU's targets: 1024 of 32-bit Arm boards, 8192 of SPARC and Alpha, up to 65536. */
const PAGE_SIZES = [1024, 2048, 4096, 8192, 16384, 32768, 65536] as const;
/** Bytes of a packet's start that identify it. */
const FRONT_SIZE = 8;
/** Bytes, from the start of a packet without pages, that include the start of the next one at any page size. */
export const LONGEST_GUESS = packetHeaderSize(PAGE_SIZES[0]) + FRONT_SIZE;

/**
 * Guesses the page size of a source's packets from where the next packet begins, as a header's length depends on it.
 * @param bytes from the start of a packet without payload, `LONGEST_GUESS` or fewer.
 * @returns undefined if no page size fits.
 */
export function guessPageSize(bytes: Uint8Array): number | undefined {
  return PAGE_SIZES.find((size) => {
    const at = packetHeaderSize(size);
    if (at + FRONT_SIZE > bytes.length) return false;
    return readU32(bytes, at) === CHANNEL_MAGIC && readU32(bytes, at + 4) === CHANNEL_VERSION;
  });
}

/** The error for a source whose page size differs from this end's. */
export function otherPageSize(where: string, own: number, theirs: number): WireError {
  return new WireError(
    {
      where,
      field: 'packet header',
      offset: 0,
      expected: `pages of ${own} bytes`,
      got: `pages of ${theirs} bytes`,
    },
    'incompatible',
    `the guest's machine has pages of ${theirs} bytes, and both ends must have the same`,
  );
}
