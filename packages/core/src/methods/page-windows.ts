import { MultifdError } from '../errors.js';
import type { IncomingPages } from './methods.js';

/**
 * Views of guest memory for a packet's pages, in the order of `offsets`, for methods that decode straight into it.
 * Adjacent pages share a view, within the block's windows. Writes reach the guest at once: an invalid payload must
 * end the migration.
 *
 * @param pages of a block that is `inPlace`.
 * @param pageSize bytes.
 * @returns views, valid while the block is open.
 * @throws MultifdError `internal` if the block is not in place.
 */
export function pageWindows({ block, offsets, count }: IncomingPages, pageSize: number): Uint8Array[] {
  const windows: Uint8Array[] = [];
  for (let first = 0; first < count; ) {
    const start = offsets[first] ?? 0;
    const windowEnd = (Math.floor(start / block.windowSize) + 1) * block.windowSize;
    let end = start + pageSize;
    let next = first + 1;
    while (next < count && offsets[next] === end && end < windowEnd) {
      end += pageSize;
      next++;
    }
    const window = block.window(start, end - start);
    if (window === undefined) throw new MultifdError('internal', `RAM block ${block.name} is not in place`);
    windows.push(window);
    first = next;
  }
  return windows;
}
