import { WireError } from '../errors.js';
import { readU32 } from './bytes.js';
import { CHANNEL_MAGIC, CHANNEL_VERSION, packetHeaderSize } from './layout.js';

/** Pages of QEMU's targets: 1024 of 32-bit Arm boards, 8192 of SPARC and Alpha, up to 65536. */
const PAGE_SIZES = [1024, 2048, 4096, 8192, 16384, 32768, 65536] as const;
/** Of a packet's front: enough to know it by. */
const FRONT_SIZE = 8;
/** Bytes from the start of a packet without pages within which the next one begins, whatever the page size. */
export const LONGEST_GUESS = packetHeaderSize(PAGE_SIZES[0]) + FRONT_SIZE;

/**
 * The page size by which a source makes its packets: a header's length depends on it, so that it shows where the next
 * packet begins.
 * @param bytes from the start of a packet without payload on, `LONGEST_GUESS` or fewer.
 * @returns undefined if no packet begins at any of these places.
 */
export function guessPageSize(bytes: Uint8Array): number | undefined {
  return PAGE_SIZES.find((size) => {
    const at = packetHeaderSize(size);
    if (at + FRONT_SIZE > bytes.length) return false;
    return readU32(bytes, at) === CHANNEL_MAGIC && readU32(bytes, at + 4) === CHANNEL_VERSION;
  });
}

/** The source has pages of another size than this end. */
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
