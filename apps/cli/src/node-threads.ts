import { checkLimits, NO_THREADS, startThreadPool } from '@multifd/core';

/**
 * Starts the threads with which Node reads files, looks names up and makes keys, before a command does any of that: where they
 * cannot start, Node ends the process without a word.
 * @throws MultifdError `io` that names the limit and what to raise.
 */
export function startNodeThreads(): void {
  checkLimits(NO_THREADS);
  startThreadPool();
}
