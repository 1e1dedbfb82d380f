/** The thread of the vCPU: runs the guest's program until it is told to stop. */
import { parentPort, workerData } from 'node:worker_threads';
import { DirtyBitmap, type MemoryBlockDescriptor, openRamBlockSync } from '@multifd/core';
import { PAGE_SIZE, pageOf, write } from './program.ts';

/** Words of `control`. */
export const STATE = 0;
export const STEPS = 1;
/** Values of `control[STATE]`. */
export const RUNNING = 0;
export const STOPPING = 1;
export const STOPPED = 2;
export const ENDED = 3;

export interface VcpuSetup {
  readonly ram: MemoryBlockDescriptor;
  readonly log: SharedArrayBuffer;
  readonly control: Int32Array;
}

/** Steps in about a millisecond: 32 MB/s of dirty memory. */
const BURST = 8;

function run({ ram, log, control }: VcpuSetup): void {
  const block = openRamBlockSync(ram);
  const pages = ram.length / PAGE_SIZE;
  const writes = new DirtyBitmap(log, pages);
  for (;;) {
    const state = Atomics.load(control, STATE);
    if (state === ENDED) return;
    if (state === STOPPING) {
      Atomics.compareExchange(control, STATE, STOPPING, STOPPED);
      Atomics.notify(control, STATE);
    }
    if (state !== RUNNING) {
      Atomics.wait(control, STATE, STOPPED);
      continue;
    }
    for (let count = 0; count < BURST; count++) {
      const step = Atomics.load(control, STEPS);
      const page = pageOf(step, pages);
      const memory = block.window(page * PAGE_SIZE, PAGE_SIZE);
      if (memory === undefined) throw new Error('this memory is not in place');
      // The order that loses no write: the page first, its mark afterwards.
      write(memory, step);
      writes.mark(page);
      Atomics.store(control, STEPS, step + 1);
    }
    Atomics.wait(control, STATE, RUNNING, 1);
  }
}

// Only as a thread: the VMM imports the names above.
if (parentPort !== null) run(workerData);
