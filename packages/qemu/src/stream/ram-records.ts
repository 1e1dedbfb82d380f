import type { Cursor } from './cursor.js';
import { RAM_FLAG } from './layout.js';
import type { StreamBlock } from './migration-file.js';

/** What the records of a RAM section refer to. */
export interface RecordContext {
  readonly blocks: readonly StreamBlock[];
  /** Bytes. */
  readonly pageSize: number;
  /** mapped-ram: no record but EOS occurs. */
  readonly mapped: boolean;
  /** The block of the page record before: CONTINUE refers to it. */
  readonly lastBlock: StreamBlock | undefined;
}

/**
 * The records of a RAM section up to its EOS (docs/wire.md, 3), each noted in its block's page states.
 * @returns the block of the last page record.
 */
export function readRecords(cursor: Cursor, context: RecordContext): StreamBlock | undefined {
  const { blocks, pageSize, mapped } = context;
  let block = context.lastBlock;
  for (;;) {
    const word = cursor.u64('record');
    const flags = word % pageSize;
    if (flags === RAM_FLAG.EOS) return block;
    if (mapped) throw cursor.fault('no record but EOS with mapped-ram', `0x${word.toString(16)}`);
    if (flags === RAM_FLAG.MULTIFD_FLUSH) continue;
    const kind = flags & ~RAM_FLAG.CONTINUE;
    if (kind !== RAM_FLAG.ZERO && kind !== RAM_FLAG.PAGE && kind !== RAM_FLAG.XBZRLE) {
      throw cursor.fault('a record of a RAM section', `0x${word.toString(16)}`);
    }
    const offset = word - flags;
    if ((flags & RAM_FLAG.CONTINUE) === 0) block = findBlock(cursor, blocks);
    if (block === undefined) throw cursor.fault('a block name before CONTINUE', `0x${word.toString(16)}`);
    if (offset > block.length - pageSize) {
      throw cursor.fault(`an offset below ${block.length} (${block.name})`, `${offset}`);
    }
    skipContent(cursor, kind, pageSize);
    block.pages.set(offset / pageSize, kind === RAM_FLAG.ZERO ? 'zero' : 'normal');
  }
}

function findBlock(cursor: Cursor, blocks: readonly StreamBlock[]): StreamBlock {
  const name = cursor.pstr('block name');
  const block = blocks.find((each) => each.name === name);
  if (block === undefined) throw cursor.fault('a block of the block list', name);
  return block;
}

function skipContent(cursor: Cursor, kind: number, pageSize: number): void {
  if (kind === RAM_FLAG.ZERO) {
    cursor.u8('fill');
  } else if (kind === RAM_FLAG.PAGE) {
    cursor.skip(pageSize, 'page');
  } else {
    cursor.u8('xbzrle header');
    cursor.skip(cursor.u16('xbzrle length'), 'xbzrle page');
  }
}
