import { availableParallelism } from 'node:os';

/** More do not help: the disk is busy by then. */
const MOST = 8;

/** How many threads hash and pack a guest that goes into a store. */
export function ingestThreads(): number {
  return Math.min(MOST, availableParallelism());
}
