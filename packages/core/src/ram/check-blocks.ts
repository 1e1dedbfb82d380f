import { types } from 'node:util';
import { MultifdError } from '../errors.js';
import { kindOf, shown } from '../given.js';
import { isPageSize } from '../wire/layout.js';
import { isName, NAME_RULE } from '../wire/text.js';
import type { FileBlockDescriptor, MemoryBlockDescriptor, RamBlockDescriptor } from './block.js';
import { RANGE_SIZE } from './ranges.js';

/** Most pages in one dirty bitmap. */
const MOST_PAGES = 2 ** 32;

/** Checks names and lengths before anything is allocated. @throws MultifdError `usage` naming the block. */
export function checkBlocks(
  blocks: readonly { readonly name: string; readonly length: number }[],
  pageSize: number,
): void {
  if (!isPageSize(pageSize)) {
    throw new MultifdError(
      'usage',
      `page size ${shown(pageSize)}: must be a power of two from 4096 to 65536`,
    );
  }
  const names = new Set<string>();
  blocks.forEach((block, index) => {
    if (!isName(block.name)) {
      throw new MultifdError(
        'usage',
        `RAM block ${index}: the name must be ${NAME_RULE}, is ${shown(block.name)}`,
      );
    }
    if (names.has(block.name)) throw refuse(block, 'is listed twice', ' ');
    names.add(block.name);
    if (!Number.isSafeInteger(block.length) || block.length <= 0 || block.length % pageSize !== 0) {
      throw refuse(
        block,
        `the length must be a positive multiple of the page size ${pageSize}, got ${shown(block.length)}`,
      );
    }
    if (block.length / pageSize > MOST_PAGES) throw refuse(block, `more than ${MOST_PAGES} pages`);
  });
}

/** Checks where a block's memory is. @throws MultifdError `usage` naming the block. */
export function checkBacking(block: RamBlockDescriptor): void {
  switch (block.kind) {
    case 'memory':
      checkSegments(block);
      return;
    case 'file':
      checkFile(block);
      return;
    case 'host':
      return;
    default:
      throw refuse(block, `the kind must be memory, file or host, is ${shown(Reflect.get(block, 'kind'))}`);
  }
}

/**
 * Checks blocks that are going to be written: each needs memory of its own, or one block's pages replace another's.
 * Blocks of other packages cannot be looked into. @throws MultifdError `usage` naming the block.
 */
export function checkWritable(blocks: readonly RamBlockDescriptor[]): void {
  const segments = new Map<SharedArrayBuffer, string>();
  const files: FileBlockDescriptor[] = [];
  for (const block of blocks) {
    if (block.kind === 'file') {
      if (block.writable !== true) throw refuse(block, `${block.path} is not writable`);
      const other = files.find((each) => overlap(each, block));
      if (other !== undefined)
        throw refuse(block, `lies in ${block.path} where block ${other.name} does`, ' ');
      files.push(block);
    }
    for (const segment of block.kind === 'memory' ? block.segments : []) {
      const other = segments.get(segment);
      if (other !== undefined) throw refuse(block, `has a segment that is also of block ${other}`, ' ');
      segments.set(segment, block.name);
    }
  }
}

function overlap(one: FileBlockDescriptor, other: FileBlockDescriptor): boolean {
  if (one.fd !== other.fd || (one.fd === undefined && one.path !== other.path)) return false;
  const [a, b] = [one.fileOffset ?? 0, other.fileOffset ?? 0];
  return a < b + other.length && b < a + one.length;
}

function checkFile(block: FileBlockDescriptor): void {
  const { path, fileOffset = 0, fd = 0, extents } = block;
  if (typeof path !== 'string') throw refuse(block, `the path must be a string, is ${kindOf(path)}`);
  if (!Number.isSafeInteger(fileOffset) || fileOffset < 0)
    throw refuse(block, `fileOffset must be 0 or more bytes, got ${shown(fileOffset)}`);
  if (!Number.isInteger(fd) || fd < 0)
    throw refuse(block, `fd must be an open file descriptor, got ${shown(fd)}`);
  if (extents !== undefined) checkExtents(block, extents);
}

/** Pages outside the extents are sent as zero pages without a look: a wrong list would lose them. */
function checkExtents(block: FileBlockDescriptor, extents: unknown): void {
  if (!(extents instanceof Float64Array) || extents.length % 2 !== 0)
    throw refuse(block, 'extents must be pairs of byte offsets in a Float64Array');
  const wrong = extents.findIndex(
    (offset, index) => !Number.isSafeInteger(offset) || offset < (extents[index - 1] ?? 0),
  );
  if (wrong < 0) return;
  throw refuse(
    block,
    `extents must be whole byte offsets, ascending and disjoint: number ${wrong} is ${extents[wrong]}`,
  );
}

function checkSegments(block: MemoryBlockDescriptor): void {
  const { length, segmentSize, segments, wasmMemories } = block;
  const power =
    Number.isSafeInteger(segmentSize) &&
    segmentSize >= RANGE_SIZE &&
    Number.isInteger(Math.log2(segmentSize));
  if (!power) {
    throw refuse(
      block,
      `segmentSize must be a power of two, at least ${RANGE_SIZE} bytes (${RANGE_SIZE / 2 ** 20} MiB), got ${shown(segmentSize)}`,
    );
  }
  if (!Array.isArray(segments)) throw refuse(block, `segments must be an array, is ${kindOf(segments)}`);
  segments.forEach((segment: unknown, index) => {
    if (types.isSharedArrayBuffer(segment)) return;
    throw refuse(block, `segment ${index} must be a SharedArrayBuffer, is ${kindOf(segment)}`);
  });
  const whole = segments.every((segment, index) => {
    const needed = Math.min(segmentSize, length - index * segmentSize);
    return needed > 0 && segment.byteLength >= needed;
  });
  if (!whole || segments.length !== Math.ceil(length / segmentSize))
    throw refuse(block, `its segments do not add up to ${length} bytes`);
  // Compare lengths, not identity: after a post to another thread, a memory's buffer is a different object.
  const paired = segments.every(
    (segment, index) => wasmMemories?.[index]?.buffer.byteLength === segment.byteLength,
  );
  if (wasmMemories !== undefined && (!paired || wasmMemories.length !== segments.length))
    throw refuse(block, 'its segments are not the buffers of its WebAssembly memories');
}

function refuse({ name }: { readonly name: string }, what: string, joint = ': '): MultifdError {
  return new MultifdError('usage', `RAM block ${name}${joint}${what}`);
}
