import {
  type BigIntStats,
  closeSync,
  constants,
  fstatSync,
  linkSync,
  openSync,
  renameSync,
  rmSync,
} from 'node:fs';
import { MultifdError } from '@multifd/core';
import { isSameFile, lookAt } from './file-identity.js';

/** How file systems say that they have no hard links. */
const NO_LINKS: readonly string[] = ['EPERM', 'ENOSYS', 'EOPNOTSUPP', 'ENOTSUP', 'EMLINK'];

/**
 * Gives the file `from` the name `to` if nothing has it, in one step. Both are in one directory.
 * @throws MultifdError `usage` if something has it; what the system throws.
 */
export function claimName(from: string, to: string): void {
  const own = lookAt(from);
  try {
    linkSync(from, to);
  } catch (error) {
    if (!hasName(own, to)) {
      if (codeOf(error) === 'EEXIST') throw taken(to);
      if (!NO_LINKS.includes(codeOf(error))) throw error;
      claimByPlaceholder(from, to);
      return;
    }
  }
  try {
    rmSync(from, { force: true });
  } catch {
    // The file has its name: a hidden second one is litter, and no failure.
  }
}

/**
 * rename(2). An error does not mean that nothing has happened: NFS repeats a request whose answer was lost, and then says
 * that the file is not there.
 * @throws what the system throws; then `from` has kept its name.
 */
export function moveName(from: string, to: string): void {
  const own = lookAt(from);
  try {
    renameSync(from, to);
  } catch (error) {
    if (!hasName(own, to)) throw error;
  }
}

function hasName(file: BigIntStats | undefined, path: string): boolean {
  const there = file === undefined ? undefined : lookAt(path);
  return file !== undefined && there !== undefined && isSameFile(file, there);
}

/**
 * For file systems without hard links: an empty file takes the name, which only one process can make, and the rename
 * then replaces it. If the process is killed in between, that empty file is left.
 */
function claimByPlaceholder(from: string, to: string): void {
  const { O_WRONLY, O_CREAT, O_EXCL, O_NOFOLLOW } = constants;
  let fd: number;
  try {
    fd = openSync(to, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600);
  } catch (error) {
    throw codeOf(error) === 'EEXIST' ? taken(to) : error;
  }
  try {
    const placeholder = fstatSync(fd, { bigint: true });
    const isOurs = (): boolean => hasName(placeholder, to);
    if (!isOurs()) throw taken(to);
    try {
      moveName(from, to);
    } catch (error) {
      if (isOurs()) rmSync(to, { force: true });
      throw error;
    }
  } finally {
    closeSync(fd);
  }
}

function taken(path: string): MultifdError {
  return new MultifdError('usage', `${path} is already there: another process has just created it`, {
    hint: 'it may hold another guest: name another place',
  });
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : '';
}
