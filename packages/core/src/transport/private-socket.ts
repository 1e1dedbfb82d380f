import { chmodSync } from 'node:fs';
import { isMainThread } from 'node:worker_threads';

/** Whoever may write to a unix socket may connect to it: nobody but this user (mode 0600). */
const OTHERS = 0o177;
const MODE = 0o600;

/**
 * Makes a unix socket that only this user can connect to, whatever the umask.
 * @param make makes the socket before it returns; false if it could not.
 */
export function withPrivateSocket(path: string, make: () => boolean): void {
  // So that there is no moment in which others can connect. Only the main thread may set it, for the whole process.
  const before = isMainThread ? process.umask(OTHERS) : undefined;
  try {
    // What is there otherwise is somebody else's.
    if (!make()) return;
  } finally {
    if (before !== undefined) process.umask(before);
  }
  // A pipe of Windows is no file.
  if (process.platform !== 'win32') chmodSync(path, MODE);
}
