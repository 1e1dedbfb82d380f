import { MultifdError } from '../errors.js';
import type { FileBlockDescriptor, MemoryBlockDescriptor, RamBlock, RamBlockDescriptor } from './block.js';
import { DirtyBitmap } from './dirty-bitmap.js';
import { openFileBlock } from './file-block.js';
import { openHostBlock } from './host-block.js';
import { allocateMemoryBlock, openMemoryBlock } from './memory-block.js';
import { RANGE_SIZE } from './ranges.js';

/** Guest RAM as plain data: small, can be posted to any thread of this process. */
export interface GuestRamDescriptor {
  /** Target page size in bytes. */
  readonly pageSize: number;
  readonly blocks: readonly RamBlockDescriptor[];
  /**
   * One dirty bitmap for each block, in the same order, in shared memory; undefined for RAM that is not written while
   * it migrates.
   */
  readonly dirty?: readonly SharedArrayBuffer[];
}

/** Guest RAM in this process's memory, whose writers mark the pages that they write. */
export interface AllocatedGuestRam extends GuestRamDescriptor {
  readonly blocks: readonly MemoryBlockDescriptor[];
  readonly dirty: readonly SharedArrayBuffer[];
}

/**
 * Allocates guest RAM in shared memory, with a dirty bitmap for each block. It reads as zero; pages that are never
 * accessed take no memory.
 *
 * @param blocks names (unique) and lengths in bytes (multiples of `pageSize`).
 * @throws MultifdError `usage` for a bad name or length.
 */
export function allocateGuestRam(
  blocks: readonly { readonly name: string; readonly length: number }[],
  pageSize = 4096,
): AllocatedGuestRam {
  checkBlocks(blocks, pageSize);
  const ram = {
    pageSize,
    blocks: blocks.map((block) => allocateMemoryBlock(block.name, block.length)),
    dirty: blocks.map(({ length }) => allocateBitmap(length, pageSize)),
  };
  checkGuestRam(ram);
  return ram;
}

/**
 * Adds dirty bitmaps, all clean, so that a guest can run in this RAM and migrate while it writes: what `receive` returned,
 * for a guest that moves on, or blocks of your own.
 *
 * @throws MultifdError `usage` naming the block, if one is invalid; or if the RAM has dirty bitmaps: its writers know those.
 */
export function withDirtyBitmaps<Ram extends GuestRamDescriptor>(
  ram: Ram,
): Ram & { readonly dirty: readonly SharedArrayBuffer[] } {
  if (ram.dirty !== undefined) throw new MultifdError('usage', 'this guest RAM has dirty bitmaps already');
  checkGuestRam(ram);
  return { ...ram, dirty: ram.blocks.map(({ length }) => allocateBitmap(length, ram.pageSize)) };
}

function allocateBitmap(length: number, pageSize: number): SharedArrayBuffer {
  return DirtyBitmap.allocate(length / pageSize).buffer;
}

/**
 * Opens a block in this thread. The descriptor must have passed `checkGuestRam`.
 * @throws MultifdError `io` if it cannot be opened.
 */
export async function openRamBlock(descriptor: RamBlockDescriptor): Promise<RamBlock> {
  return descriptor.kind === 'host' ? openHostBlock(descriptor) : openRamBlockSync(descriptor);
}

/**
 * As `openRamBlock`, for a block that needs no other package's module.
 * @throws MultifdError `usage` for one that does; `io` if it cannot be opened.
 */
export function openRamBlockSync(descriptor: RamBlockDescriptor): RamBlock {
  switch (descriptor.kind) {
    case 'memory':
      return openMemoryBlock(descriptor);
    case 'file':
      return openFileBlock(descriptor);
    case 'host':
      throw new MultifdError('usage', `RAM block ${descriptor.name}: only ${descriptor.module} can open it`, {
        hint: 'use openRamBlock',
      });
  }
}

/** Validates the descriptors. @throws MultifdError `usage` naming the block, if one is invalid. */
export function checkGuestRam(ram: GuestRamDescriptor): void {
  if (ram.blocks.length === 0) throw new MultifdError('usage', 'guest RAM has no blocks');
  if (ram.dirty !== undefined && ram.dirty.length !== ram.blocks.length) {
    throw new MultifdError(
      'usage',
      `guest RAM has ${ram.blocks.length} blocks but ${ram.dirty.length} dirty bitmaps`,
    );
  }
  checkBlocks(ram.blocks, ram.pageSize);
  ram.blocks.forEach((block, index) => {
    const bitmap = ram.dirty?.[index];
    if (bitmap !== undefined && bitmap.byteLength < Math.ceil(block.length / ram.pageSize / 32) * 4) {
      throw new MultifdError('usage', `RAM block ${block.name}: its dirty bitmap is too short`);
    }
    if (block.kind === 'memory') checkSegments(block);
    else if (block.kind === 'file') checkFile(block);
  });
}

function checkFile({ name, fileOffset = 0, fd = 0 }: FileBlockDescriptor): void {
  if (!Number.isSafeInteger(fileOffset) || fileOffset < 0)
    throw new MultifdError(
      'usage',
      `RAM block ${name}: fileOffset must be 0 or more bytes, got ${fileOffset}`,
    );
  if (!Number.isInteger(fd) || fd < 0)
    throw new MultifdError('usage', `RAM block ${name}: fd must be an open file descriptor, got ${fd}`);
}

/** Most pages in one dirty bitmap. */
const MOST_PAGES = 2 ** 32;

/** Checks names and lengths before anything is allocated. @throws MultifdError `usage` naming the block. */
function checkBlocks(
  blocks: readonly { readonly name: string; readonly length: number }[],
  pageSize: number,
): void {
  const names = new Set<string>();
  blocks.forEach((block, index) => {
    const bytes = Buffer.byteLength(block.name);
    if (bytes < 1 || bytes > 255 || block.name.includes('\0')) {
      throw new MultifdError('usage', `RAM block ${index}: the name must be 1 to 255 bytes without NUL`);
    }
    if (names.has(block.name)) throw new MultifdError('usage', `RAM block ${block.name} is listed twice`);
    names.add(block.name);
    if (!Number.isSafeInteger(block.length) || block.length <= 0 || block.length % pageSize !== 0) {
      throw new MultifdError(
        'usage',
        `RAM block ${block.name}: the length must be a positive multiple of the page size ${pageSize}, got ${block.length}`,
      );
    }
    if (block.length / pageSize > MOST_PAGES) {
      throw new MultifdError('usage', `RAM block ${block.name}: more than ${MOST_PAGES} pages`);
    }
  });
}

function checkSegments(block: MemoryBlockDescriptor): void {
  const { length, segmentSize, segments } = block;
  const power =
    Number.isSafeInteger(segmentSize) &&
    segmentSize >= RANGE_SIZE &&
    Number.isInteger(Math.log2(segmentSize));
  if (!power)
    throw new MultifdError(
      'usage',
      `RAM block ${block.name}: the segment size must be a power of two, at least ${RANGE_SIZE}`,
    );
  const whole = segments.every((segment, index) => {
    const needed = Math.min(segmentSize, length - index * segmentSize);
    return needed > 0 && segment.byteLength >= needed;
  });
  if (!whole || segments.length !== Math.ceil(length / segmentSize)) {
    throw new MultifdError('usage', `RAM block ${block.name}: its segments do not add up to ${length} bytes`);
  }
  // Compare lengths, not identity: after a post to another thread, a memory's buffer is a different object.
  const { wasmMemories } = block;
  const paired = segments.every(
    (segment, index) => wasmMemories?.[index]?.buffer.byteLength === segment.byteLength,
  );
  if (wasmMemories !== undefined && (!paired || wasmMemories.length !== segments.length)) {
    throw new MultifdError(
      'usage',
      `RAM block ${block.name}: its segments are not the buffers of its WebAssembly memories`,
    );
  }
}
