import { lstatSync, readdirSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import type { Target } from '../options/places.js';
import { bucketOf } from '../options/store-place.js';
import { formatBytes, plain } from '../report/format.js';
import { MANIFEST } from './manifest.js';
import { HIDDEN, shortName } from './own-file.js';
import { localDirectory } from './store-objects.js';

/**
 * One line for each hidden file that an earlier receive to the same place has left. Nothing is removed: another receive, of
 * another machine or user perhaps, may still be writing it, and nobody here can see that. Never throws.
 */
export function leftOvers(target: Target): string[] {
  if (target.kind === 'memory') return [];
  const directory = 'path' in target ? dirname(target.path) : localDirectory(target.directory);
  return leftIn(directory, (name) => isOf(target, name));
}

/** The same for all of a directory. @param isMeant by the name that a file was to have. */
export function leftIn(directory: string, isMeant: (name: string) => boolean = () => true): string[] {
  return namesIn(directory).flatMap((hidden) => {
    const [, name = '', purpose] = HIDDEN.exec(hidden) ?? [];
    if (purpose === undefined || !isMeant(name)) return [];
    const path = join(directory, hidden);
    const size = sizeOf(path);
    if (size === undefined) return [];
    const what = purpose === 'partial' ? UNFINISHED : REPLACED;
    return [`${plain(path)} (${size}) is there: ${what}`];
  });
}

/** Whether a hidden file was to have a name of this target's. */
function isOf(target: Exclude<Target, { readonly kind: 'memory' }>, name: string): boolean {
  if (target.kind === 'raw') return name.endsWith('.raw') || name === MANIFEST;
  // In a directory a store is one place, whatever its snapshots are called.
  if (target.kind === 'store')
    return bucketOf(target.directory) === undefined || name === shortName(target.name);
  return name === shortName(basename(target.path));
}

const UNFINISHED =
  'an unfinished file of an earlier receive, which was killed, or of one that still runs. If none runs, remove it';
const REPLACED =
  'what an earlier receive was replacing when it was killed, or one that still runs is. It may be the only copy of that guest: look at it (multifd inspect) before you remove it';

function namesIn(directory: string): string[] {
  try {
    return readdirSync(directory).sort();
  } catch {
    // It is not there yet, or may not be read: whether guests can be kept there is found out elsewhere.
    return [];
  }
}

function sizeOf(path: string): string | undefined {
  try {
    const { size, blocks } = lstatSync(path);
    return `${formatBytes(size)}, ${formatBytes(blocks * 512)} of them on the disk`;
  } catch {
    // Its receive has just ended.
    return undefined;
  }
}
