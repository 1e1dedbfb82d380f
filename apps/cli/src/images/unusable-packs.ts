import type { SnapshotWriter } from '@multifd/store';
import { plain } from '../report/format.js';

/** Lines of them that are told: a disk that fails may have thousands. */
const MOST_TOLD = 5;

/** Packs that a writer has found in its store and could not use, for people. It has written. */
export async function unusablePacks(writer: SnapshotWriter): Promise<readonly string[]> {
  const lines = await writer.unusable();
  const told = lines.slice(0, MOST_TOLD).map((line) => `a pack was not used: ${plain(line)}`);
  const left = lines.length - told.length;
  return left === 0 ? told : [...told, `${left} more packs were not used`];
}
