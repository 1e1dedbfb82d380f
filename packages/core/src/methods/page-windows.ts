import { MultifdError } from '../errors.js';
import type { IncomingPages } from './methods.js';

/**
 * Guest memory itself, where a packet's pages belong, in the order of `offsets`: for methods that make pages where they
 * stay. Neighbours are one piece, as far as the block's windows go. What is written there is in the guest, right or
 * wrong: a payload that turns out to be wrong must end the migration.
 *
 * @param pages of a block that is `inPlace`.
 * @param pageSize bytes.
 * @returns views, good for as long as the block is open.
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
