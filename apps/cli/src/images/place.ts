import { accessSync, closeSync, constants, openSync, rmSync, statfsSync, statSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import { MultifdError } from '@multifd/core';
import { withPath, withPlace } from '../system-error.js';
import { hiddenName, OwnFile } from './own-file.js';

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

/**
 * Finds out whether a file for people (a report, a picture) can be written, before the work that it is about. What is
 * there is not touched.
 * @param what for messages: the user's words for the file.
 * @throws MultifdError `usage`, `io`.
 */
export function tryOutput(what: string, file: string): void {
  const there = withPath(`${what}: cannot be reached`, () => statSync(file, { throwIfNoEntry: false }));
  if (there?.isDirectory() === true) {
    throw new MultifdError('usage', `${what}: it is a directory`, { hint: 'name a file' });
  }
  if (there !== undefined) {
    withPath(`${what}: cannot be written to`, () => accessSync(file, constants.W_OK));
    return;
  }
  const directory = dirname(file);
  checkDirectory(what, directory);
  const trial = hiddenName(directory, basename(file), 'partial');
  withPlace(`${what}: no file can be made in ${directory}`, () => closeSync(openSync(trial, 'wx', 0o600)));
  rmSync(trial, { force: true });
}
