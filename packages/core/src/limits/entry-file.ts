import { existsSync } from 'node:fs';
import { MultifdError } from '../errors.js';

/** Kept from bundlers: what looks to them like a file of theirs they would copy, without what it imports. */
const here = import.meta.url;

/** The file of a worker thread's entry. Core's own build puts this file's code into the folder that holds `entries`. */
export function entryFile(entry: string): URL {
  return new URL(`./entries/${entry}.js`, here);
}

/**
 * Checks that the entries of worker threads are where this file is, which a program that was bundled leaves behind.
 * @throws MultifdError `usage` if not.
 */
export function checkEntries(file: URL = entryFile('incoming')): void {
  if (existsSync(file)) return;
  throw new MultifdError(
    'usage',
    '@multifd/core was bundled, and its threads cannot be started from a bundle',
    {
      hint: 'mark @multifd/* as external in the bundler, and install these packages beside the bundle',
    },
  );
}
