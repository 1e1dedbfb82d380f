import { hexBytes, readU32 } from '../bytes.js';
import { quote } from '../text.js';
import type { ByteReader, Reading } from './byte-reader.js';
import type { BlockListRecord, ListedBlock } from './records.js';

/** What a block list may hold. */
export interface BlockListLimits {
  /** Bytes. */
  readonly pageSize: number;
  /** Most blocks. */
  readonly maxBlocks: number;
  /** x-ignore-shared is on: each block has its guest-physical address. */
  readonly addresses?: boolean;
  /** Reads what stands behind a block's length and address with mapped-ram, and may go on at another place. */
  readonly readBehind?: (block: ListedBlock) => Reading<void>;
}

/**
 * The block list behind a MEM_SIZE word (docs/wire.md, 3.1): it is over when the lengths add up to
 * `totalBytes`, there is no count.
 * @param postcopy whether postcopy was announced: then page sizes may stand between the blocks. That of the last
 * block is left to the caller, as only what follows it tells it apart.
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

/** A block's name. If `sized`, the page size of the block before may come first: names are not empty. */
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

/** Whether it is the page size of a block in huge pages, bytes: QEMU names no other. */
export function isBlockPageSize(size: number): boolean {
  return size > 4096 && Number.isInteger(Math.log2(size));
}
