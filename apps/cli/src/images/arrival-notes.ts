import type { SnapshotWriter } from '@multifd/store';
import { formatBytes } from '../report/format.js';

/** What a writer has met while its guest came, for people: what failed, and what was stored in vain. It has written. */
export function arrivalNotes(
  { setback, stale }: Pick<SnapshotWriter, 'setback' | 'stale'>,
  what: string,
): readonly string[] {
  const lines: string[] = [];
  if (setback !== undefined)
    lines.push(
      `${what}: storing failed while the guest came, and all was done again when it stood still: ${setback.message}`,
    );
  if (stale > 0)
    lines.push(
      `${what}: ${formatBytes(stale)} more than it needs were stored, of RAM that the guest wrote again while it came`,
    );
  return lines;
}
