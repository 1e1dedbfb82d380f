import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { allocateGuestRam, type Guest } from '@multifd/core';
import { createRandom } from '@multifd/testing/random';
import { fixture } from './fixtures.js';
import { fillRam, mixedFill } from './ram.js';

const RUN = 0;
const STOPPED = 1;
const WRITES = 2;
const THROTTLE = 3;

/** A guest of one block whose vCPU runs in a thread of its own. */
export interface RunningGuest {
  readonly guest: Guest;
  /** Calls of `stop` and `resume`, in order. */
  readonly calls: readonly string[];
  /** Pages written so far, with repeats. */
  writes(): number;
  isStopped(): boolean;
  /** @param percent of the time that it stands still from now on. */
  throttle(percent: number): void;
  end(): Promise<void>;
}

/** @param burst pages written each millisecond or so. */
export async function startGuest(length: number, burst: number, seed: number): Promise<RunningGuest> {
  const ram = allocateGuestRam([{ name: 'pc.ram', length }]);
  fillRam(ram, mixedFill, createRandom(seed));
  const control = new Int32Array(new SharedArrayBuffer(16));
  control[RUN] = 1;
  const calls: string[] = [];
  const worker = new Worker(new URL(fixture('vcpu.mjs')), {
    workerData: {
      segments: ram.blocks[0]?.segments,
      dirty: ram.dirty?.[0],
      control,
      pageSize: ram.pageSize,
      pages: length / ram.pageSize,
      burst,
      seed,
    },
  });
  await once(worker, 'message');
  const exited = once(worker, 'exit');
  const set = (mode: number): void => {
    Atomics.store(control, RUN, mode);
    Atomics.notify(control, RUN);
  };
  const isStopped = (): boolean => Atomics.load(control, STOPPED) === 1;
  const guest: Guest = {
    ram,
    async stop() {
      calls.push('stop');
      set(0);
      while (!isStopped()) await new Promise((resolve) => setTimeout(resolve, 1));
    },
    resume() {
      calls.push('resume');
      set(1);
    },
  };
  const end = async (): Promise<void> => {
    set(2);
    await exited;
  };
  return {
    guest,
    calls,
    writes: () => Atomics.load(control, WRITES),
    isStopped,
    throttle: (percent) => void Atomics.store(control, THROTTLE, percent),
    end,
  };
}
