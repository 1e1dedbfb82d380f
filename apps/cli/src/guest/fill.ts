import { availableParallelism } from 'node:os';
import type { Worker } from 'node:worker_threads';
import type { GuestRamDescriptor } from '@multifd/core';
import { cancelled } from '../interrupt.js';
import type { DemoSource } from '../options/sources.js';
import { startThread } from '../threads.js';
import type { FillSetup } from './fill-work.js';

/** Memory bandwidth is the limit: more threads than this only fight over it. */
const MOST_THREADS = 4;
/** Bytes that one thread fills in the time in which another one starts. */
const WORTH_A_THREAD = 64 * 2 ** 20;

/**
 * Gives a demo guest its memory, in threads of its own.
 * @param ram zeroed and untouched.
 * @throws MultifdError `cancelled`; `guest` if a thread failed.
 */
export async function fillGuest(
  ram: GuestRamDescriptor,
  source: DemoSource,
  signal: AbortSignal,
): Promise<void> {
  const setup: FillSetup = { ram, source, cursor: new SharedArrayBuffer(4) };
  const bytes = ram.blocks.reduce((sum, { length }) => sum + length, 0);
  const count = Math.min(MOST_THREADS, availableParallelism(), Math.ceil(bytes / WORTH_A_THREAD));
  const workers = Array.from({ length: count }, () => startThread('fill', setup));
  const stop = () => workers.forEach((worker) => void worker.terminate());
  signal.addEventListener('abort', stop);
  try {
    await Promise.all(workers.map(ended));
  } finally {
    signal.removeEventListener('abort', stop);
    stop();
  }
  if (signal.aborted) throw cancelled();
}

function ended(worker: Worker): Promise<void> {
  return new Promise((resolve, reject) => {
    worker.once('error', reject);
    worker.once('exit', () => resolve());
  });
}
