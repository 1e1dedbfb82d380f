import { quote } from '../text.js';
import type { ByteReader, Reading } from './byte-reader.js';
import type { BlockListRecord, ListedBlock } from './records.js';

/**
 * The block list behind a MEM_SIZE word (wire reference 3.1): it is over when the lengths add up to
 * `totalBytes`, there is no count.
 * @throws WireError `protocol` for doubled names, lengths that are no page multiples or overshoot the total, and
 * for more than `maxBlocks`.
 */
export function* readBlockList(
  reader: ByteReader,
  totalBytes: number,
  limits: { readonly pageSize: number; readonly maxBlocks: number },
): Reading<BlockListRecord> {
  const blocks: ListedBlock[] = [];
  const names = new Set<string>();
  let left = totalBytes;
  while (left > 0) {
    if (blocks.length === limits.maxBlocks) {
      reader.field = 'block list';
      throw reader.fault(`at most ${limits.maxBlocks} blocks`, 'more');
    }
    const name = yield* reader.pstr('block name');
    if (names.has(name)) throw reader.fault('each block once', `${quote(name)} again`);
    const length = yield* reader.u64('used length');
    if (length === 0 || length % limits.pageSize !== 0 || length > left) {
      throw reader.fault(`a multiple of ${limits.pageSize}, at most ${left}`, `${length}`);
    }
    names.add(name);
    blocks.push({ name, length });
    left -= length;
  }
  return { type: 'block-list', totalBytes, blocks };
}
