import { type GuestRamDescriptor, type HostBlockDescriptor, MultifdError } from '@multifd/core';
import { chooseTracker, type WriteTracker } from '@multifd/host-linux';
import type { TrackerName } from '../options/sources.js';

/** How a running guest's writes are seen. */
export interface Tracking {
  /** `marks` or the tracker's name. */
  readonly name: string;
  /** Undefined: the vCPU marks what it writes. */
  readonly tracker: WriteTracker | undefined;
  /** What `auto` would rather have taken, and why not. */
  readonly refused: readonly { readonly name: string; readonly reason: string }[];
}

const MARKS: Tracking = { name: 'marks', tracker: undefined, refused: [] };

/**
 * Begins to watch `ram`, before its guest runs.
 * @throws MultifdError `host-unavailable` for a tracker that was named and cannot watch it.
 */
export function chooseTracking(requested: TrackerName, ram: GuestRamDescriptor): Tracking {
  const blocks = ram.blocks.filter((block): block is HostBlockDescriptor => block.kind === 'host');
  const isMapped = blocks.length === ram.blocks.length;
  if (requested === 'marks' || (requested === 'auto' && !isMapped)) return MARKS;
  if (!isMapped) {
    throw new MultifdError('host-unavailable', `demo: tracker ${requested} cannot watch WebAssembly memory`, {
      hint: 'use another backing, or tracker=marks',
    });
  }
  try {
    const { tracker, refused } = chooseTracker({ blocks, pageSize: ram.pageSize, kind: requested });
    return {
      name: tracker.kind,
      tracker,
      refused: refused.map(({ kind, reason }) => ({ name: kind, reason })),
    };
  } catch (cause) {
    if (requested === 'auto' || !MultifdError.is(cause)) throw cause;
    throw new MultifdError('host-unavailable', `demo: tracker ${requested}: ${cause.message}`, {
      cause,
      hint: 'use tracker=auto or tracker=marks',
    });
  }
}
