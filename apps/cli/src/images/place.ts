import { statfsSync, statSync } from 'node:fs';
import { MultifdError } from '@multifd/core';
import { withPath } from '../system-error.js';
import { OwnFile } from './own-file.js';

/** HUGETLBFS_MAGIC of the kernel. */
const HUGETLBFS = 0x9584_58f6;

/** @throws MultifdError `usage` unless it is a directory that is there. */
export function checkDirectory(what: string, directory: string): void {
  const there = withPath(`${what}: cannot be reached`, () => statSync(directory, { throwIfNoEntry: false }));
  if (there?.isDirectory() === true) return;
  const fault =
    there === undefined ? `there is no directory ${directory}` : `${directory} is not a directory`;
  throw new MultifdError('usage', `${what}: ${fault}`, { hint: 'make it first, or name another path' });
}

/**
 * Makes a file in the directory, writes to it and removes it: what does not go there is found out before anybody waits for a
 * guest that could not be kept.
 * @param what for messages: the user's words for the place.
 * @throws MultifdError `usage`, `io`.
 */
export function tryPlace(what: string, directory: string): void {
  if (statfsSync(directory).type === HUGETLBFS) {
    throw new MultifdError(
      'usage',
      `${what}: ${directory} is on hugetlbfs, whose files cannot be written to`,
      {
        hint: 'hugetlbfs holds memory that is mapped: name a place on a disk or a tmpfs',
      },
    );
  }
  const file = OwnFile.make(what, directory, 'multifd');
  try {
    file.tryWriting(what);
  } finally {
    file.remove();
    file.close();
  }
}
