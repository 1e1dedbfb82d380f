import { MultifdError } from '../errors.js';
import { kindOf } from '../given.js';
import type { MemoryBlockDescriptor, RamBlock, RamBlockDescriptor } from './block.js';
import { bitmapFault } from './check-bitmap.js';
import { checkBacking, checkBlocks } from './check-blocks.js';
import { DirtyBitmap } from './dirty-bitmap.js';
import { openFileBlock } from './file-block.js';
import { openHostBlock } from './host-block.js';
import { allocateMemoryBlock, openMemoryBlock } from './memory-block.js';

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
  if (!Array.isArray(ram.blocks)) {
    throw new MultifdError('usage', `guest RAM: blocks must be an array, is ${kindOf(ram.blocks)}`);
  }
  if (ram.blocks.length === 0) throw new MultifdError('usage', 'guest RAM has no blocks');
  if (ram.dirty !== undefined && ram.dirty.length !== ram.blocks.length) {
    throw new MultifdError(
      'usage',
      `guest RAM has ${ram.blocks.length} blocks but ${ram.dirty.length} dirty bitmaps`,
    );
  }
  checkBlocks(ram.blocks, ram.pageSize);
  ram.blocks.forEach((block, index) => {
    const fault = ram.dirty && bitmapFault(ram.dirty, index, block.length, ram.pageSize);
    if (fault !== undefined)
      throw new MultifdError('usage', `RAM block ${block.name}: its dirty bitmap ${fault}`);
    checkBacking(block);
  });
}
