import { MultifdError } from '@multifd/core';
import { chooseTracker, type WriteTracker } from '@multifd/host-linux';
import type { GuestMemory } from '../host/guest-memory.js';
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
 * Begins to watch `memory`, before its guest runs.
 * @throws MultifdError `host-unavailable` for a tracker that was named and cannot watch it.
 */
export async function chooseTracking(
  requested: TrackerName,
  memory: GuestMemory,
  pageSize: number,
): Promise<Tracking> {
  if (requested === 'marks') return MARKS;
  if (memory.backing === 'wasm') {
    if (requested === 'auto') return MARKS;
    throw new MultifdError('host-unavailable', `demo: tracker ${requested} cannot watch WebAssembly memory`, {
      hint: 'take another backing, or tracker=marks',
    });
  }
  const { tracker, refused } = chooseTracker({ blocks: memory.blocks, pageSize, requested });
  return { name: tracker.kind, tracker, refused };
}
