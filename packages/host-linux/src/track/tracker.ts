import type { DirtyBitmap, HostBlockDescriptor } from '@multifd/core/host';

/**
 * - `uffd`: userfaultfd notes the first write to each page (Linux 6.7). Exact.
 * - `soft-dirty`: soft-dirty bits of this process (CONFIG_MEM_SOFT_DIRTY); its writers are paused meanwhile.
 * - `soft-dirty-process`: those of another process, which is stopped meanwhile.
 * - `digest`: pages are compared with digests of what was last sent of them. Works for every kind of memory, whoever
 *   writes to it; reads all of it in each round.
 */
export type TrackerKind = 'uffd' | 'soft-dirty' | 'soft-dirty-process' | 'digest';

/**
 * Finds the pages of a guest that were written to. Owned by the thread that made it.
 *
 * No write is lost: one that happened before `sync` was called has its page in the bitmap when `sync` returns; one
 * that happens meanwhile has it then or after the next `sync`. It begins when the tracker is made: what was written
 * before is not its business, and a migration begins with all pages dirty. The first `sync` may report every page
 * that holds something, and any `sync` pages that only changed their place in memory.
 *
 * Every kind sees what `RamBlock.zero` gives back. What a kind does not see:
 * - `uffd` and `soft-dirty`: what does not go through the mapping itself (another mapping of the same file, `pwrite`,
 *   another process), and memory that somebody gives back by other means (`madvise`, `fallocate`);
 * - `soft-dirty-process`: the same, from where that process is;
 * - `digest`: nothing, as long as whoever sends has opened `blocks` with `openToSend`.
 */
export interface WriteTracker {
  readonly kind: TrackerKind;
  /**
   * The tracked blocks, in order, as a source has to have them while this tracks: with `digest`, `openToSend` opens them
   * for copies, and what was read with `readToSend` is what a page is compared with. To look at them marks nothing.
   */
  readonly blocks: readonly HostBlockDescriptor[];
  /**
   * Marks the written pages in `dirty`, one bitmap for each block. Atomic, so that others may mark and take bits
   * meanwhile; bits that are set stay set.
   * @throws MultifdError `io`, for instance if a block is not whole any more. All pages have to count as written then.
   */
  sync(dirty: readonly DirtyBitmap[]): void;
  /** May be called twice. Blocks of a `digest` tracker that are open stay usable. */
  close(): void;
}

/** Who writes to the guest's memory. */
export type Writers = ThreadWriters | ProcessWriters;

/** Threads of this process. */
export interface ThreadWriters {
  readonly in: 'this-process';
  /** Lets no thread write to the guest's memory until `resume`. Without the two `soft-dirty` cannot be used. */
  readonly pause?: () => void;
  readonly resume?: () => void;
}

/** Another process, which has the memory mapped from the same memfd or file. */
export interface ProcessWriters {
  readonly in: 'other-process';
  /** Its number (pid). */
  readonly process: number;
  /** Where each block begins in its address space; absent: not known, and only `digest` can be used. */
  readonly addresses?: readonly number[];
}
