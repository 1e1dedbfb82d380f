import { bitmapSize, HEADER_VERSION, type MappedRamHeader } from '../mapped-ram/header.js';
import type { Cursor } from './cursor.js';
import { MAX_BLOCKS, RAM_FLAG } from './layout.js';
import type { StreamBlock } from './migration-file.js';
import { PageStates } from './page-states.js';

/**
 * The MEM_SIZE record and the list behind it (docs/wire.md, 3.1); with mapped-ram the cursor jumps over each
 * block's pages.
 * @param pageSize bytes. @throws WireError `protocol` or `incompatible`.
 */
export function readBlockList(
  cursor: Cursor,
  pageSize: number,
  capabilities: readonly string[],
): readonly StreamBlock[] {
  const word = cursor.u64('block list');
  const total = word - (word % pageSize);
  if (word - total !== RAM_FLAG.MEM_SIZE) throw cursor.fault('a MEM_SIZE record', `0x${word.toString(16)}`);
  const blocks = new Map<string, StreamBlock>();
  for (let listed = 0; listed < total; ) {
    if (blocks.size === MAX_BLOCKS) throw cursor.fault(`at most ${MAX_BLOCKS} blocks`, 'more');
    const name = cursor.pstr('block name');
    if (blocks.has(name)) throw cursor.fault('each block once', name);
    const length = cursor.u64('block length');
    if (length === 0 || length % pageSize !== 0 || length > total - listed) {
      throw cursor.fault(`pages of ${pageSize}, at most ${total - listed} bytes`, `${length}`);
    }
    listed += length;
    const address = capabilities.includes('x-ignore-shared') ? cursor.u64('block address') : undefined;
    const mapped = capabilities.includes('mapped-ram')
      ? readHeader(cursor, pageSize, length, address !== undefined)
      : undefined;
    blocks.set(name, {
      name,
      length,
      pages: new PageStates(),
      ...(address === undefined ? {} : { address }),
      ...(mapped === undefined ? {} : { mapped }),
    });
  }
  return [...blocks.values()];
}

/**
 * A block's mapped-ram header (docs/wire.md, 8); goes on behind the block's pages.
 * @param ignores x-ignore-shared: a block whose pages are not in the file has offsets of 0 (QEMU 11.1).
 */
function readHeader(
  cursor: Cursor,
  pageSize: number,
  length: number,
  ignores: boolean,
): MappedRamHeader | undefined {
  const version = cursor.u32('mapped-ram version');
  if (version !== HEADER_VERSION) throw cursor.fault(`${HEADER_VERSION}`, `${version}`, 'incompatible');
  const given = cursor.u64('mapped-ram page size');
  if (given !== pageSize) throw cursor.fault(`${pageSize}`, `${given}`);
  const bitmapOffset = cursor.u64('bitmap offset');
  const bitmapEnd = bitmapOffset + bitmapSize(length / pageSize);
  if (bitmapEnd > cursor.size) {
    throw cursor.fault(`a bitmap within ${cursor.size} bytes`, `one up to ${bitmapEnd}`);
  }
  const pagesOffset = cursor.u64('pages offset');
  if (ignores && bitmapOffset === 0 && pagesOffset === 0) return undefined;
  if (pagesOffset < cursor.offset || pagesOffset % pageSize !== 0) {
    throw cursor.fault(`a multiple of ${pageSize} behind this`, `${pagesOffset}`);
  }
  if (length > cursor.size - pagesOffset) {
    throw cursor.fault(`${length} bytes of pages`, `${cursor.size - pagesOffset}: the file ends there`);
  }
  cursor.jump(pagesOffset + length);
  return { pageSize, bitmapOffset, pagesOffset };
}
