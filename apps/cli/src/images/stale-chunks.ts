import type { SnapshotWriter } from '@multifd/store';
import { formatBytes } from '../report/format.js';

/** What a writer has stored while its guest came and the guest has written again, for people. It has written. */
export function staleChunks({ stale }: SnapshotWriter, what: string): readonly string[] {
  if (stale === 0) return [];
  return [
    `${what}: ${formatBytes(stale)} more than it needs were stored, of RAM that the guest wrote again while it came`,
  ];
}
