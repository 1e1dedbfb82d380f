import { accessSync, type BigIntStats, constants, readFileSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { MultifdError } from '@multifd/core';

/** S_ISVTX: only its owner takes a file out of such a directory, as in /tmp. */
const STICKY = 0o1000;
/** Bit of CAP_FOWNER, which is not bound to that. */
const CAP_FOWNER = 3n;

/**
 * Whether this user may take away the name of a file that is there. It would be found out only once a new guest is complete,
 * and nothing can be tried without taking it away.
 * @throws MultifdError `usage`.
 */
export function checkReplaceable(path: string, file: BigIntStats): void {
  const fault = isKeptByOwner(path, file) ? 'it belongs to another user' : isImmutable(path, file);
  if (fault === undefined) return;
  throw new MultifdError('usage', `${path} cannot be replaced: ${fault}`, {
    hint: 'name another place, or have its owner move it away',
  });
}

function isKeptByOwner(path: string, file: BigIntStats): boolean {
  const directory = statSync(dirname(path), { throwIfNoEntry: false });
  const user = process.geteuid?.();
  if (directory === undefined || user === undefined || (directory.mode & STICKY) === 0) return false;
  return directory.uid !== user && file.uid !== BigInt(user) && !ownsAllFiles(user);
}

/** As it is not in a sandbox without /proc, root is taken to have all that root has. */
function ownsAllFiles(user: number): boolean {
  try {
    const [, mask] = /^CapEff:\s*([0-9a-f]+)$/m.exec(readFileSync('/proc/self/status', 'latin1')) ?? [];
    if (mask !== undefined) return ((BigInt(`0x${mask}`) >> CAP_FOWNER) & 1n) === 1n;
  } catch {
    // No /proc.
  }
  return user === 0;
}

/** chattr +i: the kernel says EPERM for it, and EACCES for what the mode forbids, which is no obstacle to replacing it. */
function isImmutable(path: string, file: BigIntStats): string | undefined {
  if (!file.isFile()) return undefined;
  try {
    accessSync(path, constants.W_OK);
  } catch (error) {
    const isForbidden = error instanceof Error && 'code' in error && error.code === 'EPERM';
    if (isForbidden) return 'it is immutable (chattr +i)';
  }
  return undefined;
}
