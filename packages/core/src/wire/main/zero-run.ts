import { readU32 } from '../bytes.js';
import { RAM_SAVE_FLAG } from '../layout.js';

const FOLLOWER = RAM_SAVE_FLAG.ZERO | RAM_SAVE_FLAG.CONTINUE;

/** Bytes of a ZERO record with CONTINUE: the word and the fill byte. */
export const ZERO_RECORD_SIZE = 9;

/** Most offsets in one run. */
export const MAX_ZERO_RUN = 4096;

/**
 * Fast path for ZERO records with CONTINUE, of which a guest has tens of millions: reads those at the start of
 * `bytes` into `offsets`, from entry `count` on. Stops at the first other or invalid record, which the slow path then
 * reads again. Returns how many entries `offsets` has now.
 * @param last greatest byte offset of a page in the block.
 */
export function readZeroRun(
  bytes: Uint8Array,
  offsets: Float64Array,
  count: number,
  pageSize: number,
  last: number,
): number {
  const mask = pageSize - 1;
  const records = Math.min(offsets.length - count, Math.floor(bytes.length / ZERO_RECORD_SIZE));
  for (let i = 0, at = 0; i < records; i++, at += ZERO_RECORD_SIZE) {
    const low = readU32(bytes, at + 4);
    if ((low & mask) !== FOLLOWER || bytes[at + 8] !== 0) return count + i;
    const offset = readU32(bytes, at) * 2 ** 32 + (low - FOLLOWER);
    if (offset > last) return count + i;
    offsets[count + i] = offset;
  }
  return count + records;
}
