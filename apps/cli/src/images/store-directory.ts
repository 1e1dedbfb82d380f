import { mkdirSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { MultifdError } from '@multifd/core';
import { withPath, withPlace } from '../system-error.js';
import { checkDirectory } from './place.js';

/**
 * Makes a store's directory if it is not there: that one, and none above it, as a path may be mistyped.
 * @returns whether it was not there before.
 * @throws MultifdError `usage` if it is none, or cannot be made.
 */
export function makeDirectory(what: string, directory: string): boolean {
  const there = withPath(`${what}: cannot be reached`, () => statSync(directory, { throwIfNoEntry: false }));
  if (there?.isDirectory() === true) return false;
  if (there !== undefined)
    throw new MultifdError('usage', `${what}: not a directory`, { hint: 'name a directory for the store' });
  checkDirectory(what, dirname(directory));
  withPlace(`no directory can be made in ${dirname(directory)}`, () => mkdirSync(directory, 0o700));
  return true;
}
