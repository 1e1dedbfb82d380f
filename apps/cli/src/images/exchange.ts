import { getSystemErrorName } from 'node:util';
import { MultifdError } from '@multifd/core';
import { loadLibc } from './libc.js';

/**
 * Two files swap their names in one step, as renameat2(2) does it with RENAME_EXCHANGE: at no moment is one of the names
 * free, and neither file is lost.
 * @returns false where the kernel or the file system cannot do that: then nothing has happened.
 * @throws MultifdError `io`.
 */
export type Exchange = (a: string, b: string) => boolean;

const AT_FDCWD = -100;
const RENAME_EXCHANGE = 2;
/** EINVAL: a file system that knows no flags. */
const UNSUPPORTED: readonly string[] = ['EINVAL', 'ENOSYS', 'EOPNOTSUPP', 'ENOTSUP'];

/** Undefined: this machine has no such call. */
export async function loadExchange(): Promise<Exchange | undefined> {
  const libc = await loadLibc();
  if (!libc.ok) return undefined;
  try {
    const renameat2 = libc.lib.func(
      'int renameat2(int from, const char *a, int to, const char *b, unsigned int flags)',
    );
    return (a, b) => {
      if (renameat2(AT_FDCWD, a, AT_FDCWD, b, RENAME_EXCHANGE) === 0) return true;
      const code = getSystemErrorName(-libc.errno());
      if (UNSUPPORTED.includes(code)) return false;
      throw new MultifdError('io', `cannot exchange ${a} and ${b}: ${code}`);
    };
  } catch {
    // A libc from before it had the call.
    return undefined;
  }
}
