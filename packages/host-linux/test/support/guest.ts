import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import type { HostBlockDescriptor } from '@multifd/core';

const FIXTURE = new URL('../fixtures/writer.mjs', import.meta.url);
const WISH = 0;
const PAUSED = 1;
const WRITES = 2;

/** Threads that write to memory at random. */
export class Writers {
  readonly #words: Int32Array;
  readonly #workers: readonly Worker[];
  #ended = false;

  private constructor(workers: readonly Worker[], words: Int32Array) {
    this.#workers = workers;
    this.#words = words;
  }

  static async start(descriptors: readonly HostBlockDescriptor[], seed: number, count = 2): Promise<Writers> {
    const words = new Int32Array(new SharedArrayBuffer(16));
    const workers = Array.from({ length: count }, (_, index) => {
      const workerData = { descriptors, control: words.buffer, seed: seed + index };
      return new Worker(FIXTURE, { workerData });
    });
    await Promise.all(workers.map((worker) => once(worker, 'message')));
    return new Writers(workers, words);
  }

  /** So far, in all threads. */
  writes(): number {
    return Atomics.load(this.#words, WRITES);
  }

  /** Until more were made. */
  async waitForWrites(more: number): Promise<void> {
    const goal = this.writes() + more;
    while (this.writes() < goal) await sleep(1);
  }

  /** No writer is in the middle of something when it returns. */
  pause(): void {
    Atomics.store(this.#words, WISH, 1);
    while (Atomics.load(this.#words, PAUSED) < this.#workers.length) Atomics.wait(this.#words, 3, 0, 1);
  }

  resume(): void {
    Atomics.store(this.#words, WISH, 0);
    Atomics.notify(this.#words, WISH);
    while (Atomics.load(this.#words, PAUSED) > 0) Atomics.wait(this.#words, 3, 0, 1);
  }

  /** May be called twice. */
  async end(): Promise<void> {
    if (this.#ended) return;
    this.#ended = true;
    const exits = this.#workers.map((worker) => once(worker, 'exit'));
    Atomics.store(this.#words, WISH, 2);
    Atomics.notify(this.#words, WISH);
    await Promise.all(exits);
  }
}
