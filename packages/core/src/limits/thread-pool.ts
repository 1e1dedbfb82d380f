import { randomFill } from 'node:crypto';

/** As libuv has it: its threads if UV_THREADPOOL_SIZE does not say otherwise, and the most that it starts. */
const USUAL = 4;
const MOST = 1024;

let isStarted = false;

/** How many threads libuv's pool has in this process, and in one that it starts: as libuv reads UV_THREADPOOL_SIZE. */
export function poolSize(setting: string | undefined = process.env.UV_THREADPOOL_SIZE): number {
  if (setting === undefined) return USUAL;
  const count = Number.parseInt(setting, 10) || 1;
  // It takes a negative number for a very large one.
  return count < 0 ? MOST : Math.min(count, MOST);
}

/** How many of them are still to be started: all, or none. */
export function poolThreadsToCome(): number {
  return isStarted ? 0 : poolSize();
}

/**
 * Starts the threads with which Node works on files, names and keys. Left alone, libuv starts them all when the first work comes,
 * which may be with a guest, and aborts the process if the system refuses one. To be called behind `checkLimits`, and before
 * anything is waited for: then no limit that is reached later ends the process so.
 */
export function startThreadPool(): void {
  if (isStarted) return;
  // They are started within this call. Other work would do, but some of what concerns files may go past the pool (io_uring).
  randomFill(new Uint8Array(1), () => {});
  isStarted = true;
}
