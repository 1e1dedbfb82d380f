import { availableParallelism } from 'node:os';
import type { MigrationParameters } from '@multifd/core';

/** Threads that will look for zero pages at the same time, and have a core to do it on. */
export function checkingThreads({ zeroPageDetection, multifdChannels }: MigrationParameters): number {
  return zeroPageDetection === 'multifd' ? Math.min(multifdChannels, availableParallelism()) : 1;
}
