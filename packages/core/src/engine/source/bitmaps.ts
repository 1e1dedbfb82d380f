import { DirtyBitmap } from '../../ram/dirty-bitmap.js';
import type { GuestRamDescriptor } from '../../ram/guest-ram.js';
import type { ClaimedPagesData } from '../../send/claimed-pages.js';
import type { Guest } from '../api.js';

/** One bitmap for each block, in the blocks' order. All are shared memory. */
export interface SourceBitmaps {
  /** The guest's; the migration's own if the guest has none. */
  readonly dirty: readonly DirtyBitmap[];
  /** What channels claim from: `dirty`, or with `legacy` bitmaps that the migration thread fills. */
  readonly work: readonly DirtyBitmap[];
}

export function sourceBitmaps(ram: GuestRamDescriptor, legacy: boolean): SourceBitmaps {
  const pages = ram.blocks.map((block) => block.length / ram.pageSize);
  const dirty = pages.map((count, index) => {
    const given = ram.dirty?.[index];
    return given === undefined ? DirtyBitmap.allocate(count) : new DirtyBitmap(given, count);
  });
  return { dirty, work: legacy ? pages.map((count) => DirtyBitmap.allocate(count)) : dirty };
}

/** The guest's memory, and what of it is to be sent: the same for every thread of the source. */
export function sharedMemory(
  { ram: { pageSize, blocks } }: Guest,
  { work }: SourceBitmaps,
): Pick<ClaimedPagesData, 'ram' | 'work'> {
  return { ram: { pageSize, blocks }, work: work.map((bitmap) => bitmap.buffer) };
}
