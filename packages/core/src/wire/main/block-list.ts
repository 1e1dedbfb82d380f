import { hexBytes, readU32 } from '../bytes.js';
import { quote } from '../text.js';
import type { ByteReader, Reading } from './byte-reader.js';
import type { BlockListRecord, ListedBlock } from './records.js';

/** Limits and format of a block list. */
export interface BlockListLimits {
  /** Bytes. */
  readonly pageSize: number;
  /** Most blocks. */
  readonly maxBlocks: number;
  /** x-ignore-shared is on: each block carries its guest-physical address. */
  readonly addresses?: boolean;
  /** Reads what mapped-ram puts after a block's length and address, and may seek elsewhere. */
  readonly readBehind?: (block: ListedBlock) => Reading<void>;
}

/**
 * Reads the block list after a MEM_SIZE word (docs/wire.md, 3.1). It has no count: it ends when the lengths add up to
 * `totalBytes`.
 * @param postcopy whether postcopy was announced: then page sizes may follow the blocks. The caller reads the last
 *   block's, as only the bytes after it tell whether there is one.
 * @throws WireError `protocol` for doubled names, lengths that are no page multiples or overshoot the total, and
 * for more than `maxBlocks`.
 */
export function* readBlockList(
  reader: ByteReader,
  totalBytes: number,
  limits: BlockListLimits,
  postcopy: boolean,
): Reading<BlockListRecord> {
  const blocks: ListedBlock[] = [];
  const names = new Set<string>();
  let left = totalBytes;
  while (left > 0) {
    if (blocks.length === limits.maxBlocks) {
      reader.field = 'block list';
      throw reader.fault(`at most ${limits.maxBlocks} blocks`, 'more');
    }
    const name = yield* readName(reader, postcopy && blocks.length > 0);
    if (names.has(name)) throw reader.fault('each block once', `${quote(name)} again`);
    const length = yield* reader.u64('used length');
    if (length === 0 || length % limits.pageSize !== 0 || length > left) {
      throw reader.fault(`a multiple of ${limits.pageSize}, at most ${left}`, `${length}`);
    }
    names.add(name);
    left -= length;
    const block = limits.addresses
      ? { name, length, address: yield* reader.u64('block address') }
      : { name, length };
    blocks.push(block);
    if (limits.readBehind !== undefined) yield* limits.readBehind(block);
  }
  return { type: 'block-list', totalBytes, blocks };
}

/** Reads a block's name. If `sized`, the previous block's page size may come first: names are never empty. */
function* readName(reader: ByteReader, sized: boolean): Reading<string> {
  let size = yield* reader.u8('block name length');
  if (size === 0 && sized) {
    const rest = yield* reader.take(7, 'page size');
    if (!isBlockPageSize(readU32(rest, 3) + 2 ** 32 * (rest[2] ?? 0))) {
      throw reader.fault('a power of two', hexBytes(rest));
    }
    size = yield* reader.u8('block name length');
  }
  if (size === 0) throw reader.fault('1 to 255', '0');
  return reader.name(yield* reader.take(size, 'block name'));
}

/** Whether `size` (bytes) can be the page size of a block in huge pages: QEMU writes no other. */
export function isBlockPageSize(size: number): boolean {
  return size > 4096 && Number.isInteger(Math.log2(size));
}
