import { MultifdError } from '../../errors.js';
import { concat, u8, u64, writeU32 } from '../bytes.js';
import { RAM_SAVE_FLAG } from '../layout.js';
import { encodePstr, quote } from '../text.js';
import type { ListedBlock } from './records.js';
import { ZERO_RECORD_SIZE } from './zero-run.js';

const SMALLEST_PAGE = 4096;

/** MULTIFD_FLUSH. Shared: do not write to it. */
export const FLUSH_RECORD: Uint8Array = u64(RAM_SAVE_FLAG.MULTIFD_FLUSH);

/** The end of a RAM section's records. Shared: do not write to it. */
export const EOS_RECORD: Uint8Array = u64(RAM_SAVE_FLAG.EOS);

/**
 * Encodes the MEM_SIZE record and the block list after it (docs/wire.md, 3.1), in the given order; QEMU lists larger
 * blocks first. Lengths in bytes.
 * @throws MultifdError `usage` for names that do not fit or are not unique, and lengths that are not page multiples.
 */
export function encodeBlockList(blocks: readonly ListedBlock[]): Uint8Array {
  const names = new Set<string>();
  const parts: Uint8Array[] = [];
  let total = 0;
  for (const { name, length } of blocks) {
    total += length;
    if (!Number.isSafeInteger(total) || length <= 0 || length % SMALLEST_PAGE !== 0) {
      throw new MultifdError(
        'usage',
        `block ${quote(name)}: length ${length} is not a multiple of the page size`,
      );
    }
    if (names.has(name)) throw new MultifdError('usage', `block ${quote(name)}: listed twice`);
    names.add(name);
    parts.push(encodeListedBlock(name, length));
  }
  return concat(encodeBlockListHead(total), ...parts);
}

/** The MEM_SIZE word before a block list. `total` in bytes, a page multiple below 2^53. */
export function encodeBlockListHead(total: number): Uint8Array {
  return u64(total + RAM_SAVE_FLAG.MEM_SIZE);
}

/** One block of the list, without the data that some capabilities add. @throws MultifdError `usage` for the name. */
export function encodeListedBlock(name: string, length: number): Uint8Array {
  return concat(encodePstr(name, 'block'), u64(length));
}

/**
 * One ZERO record. `offset` is a page multiple in bytes; without `blockName` the record continues the previous
 * record's block (CONTINUE).
 */
export function encodeZeroRecord(offset: number, blockName: string | undefined): Uint8Array {
  return concat(encodeWord(RAM_SAVE_FLAG.ZERO, offset, blockName), u8(0));
}

/** Header of a page's bytes on main; parameters as for `encodeZeroRecord`. */
export function encodePageRecordHeader(offset: number, blockName: string | undefined): Uint8Array {
  return encodeWord(RAM_SAVE_FLAG.PAGE, offset, blockName);
}

/**
 * Writes ZERO records with CONTINUE for the first `count` offsets into `target` from byte `at` on, 9 bytes each, and
 * returns where they end. Allocates nothing.
 * @throws MultifdError `internal` if `target` is too small or `offsets` too short.
 */
export function writeZeroRecords(
  target: Uint8Array,
  at: number,
  offsets: Float64Array,
  count: number,
): number {
  const end = at + count * ZERO_RECORD_SIZE;
  if (end > target.length || count > offsets.length) {
    throw new MultifdError(
      'internal',
      `zero records: ${count} from byte ${at} on do not fit ${target.length} bytes`,
    );
  }
  const flags = RAM_SAVE_FLAG.ZERO | RAM_SAVE_FLAG.CONTINUE;
  for (let i = 0, to = at; i < count; i++, to += ZERO_RECORD_SIZE) {
    const offset = offsets[i];
    writeU32(target, to, Math.floor(offset / 2 ** 32));
    writeU32(target, to + 4, (offset >>> 0) | flags);
    target[to + 8] = 0;
  }
  return end;
}

function encodeWord(flag: number, offset: number, blockName: string | undefined): Uint8Array {
  if (blockName === undefined) return u64(offset + flag + RAM_SAVE_FLAG.CONTINUE);
  return concat(u64(offset + flag), encodePstr(blockName, 'block'));
}
