import { once } from 'node:events';
import type { Worker } from 'node:worker_threads';
import { type GuestRamDescriptor, MultifdError } from '@multifd/core';
import { startThread } from '../threads.js';
import type { VcpuAnswer, VcpuCommand, VcpuSetup } from './vcpu-messages.js';
import type { VcpuState } from './vcpu-state.js';

/** The demo guest's vCPU: a thread of its own that writes to RAM and marks what it wrote. */
export class Vcpu {
  readonly #worker: Worker;
  readonly #throttle: Int32Array;
  #state: VcpuState;
  #failure: unknown;
  #onFailure: ((error: unknown) => void) | undefined;

  private constructor(worker: Worker, state: VcpuState, throttle: SharedArrayBuffer) {
    this.#worker = worker;
    this.#throttle = new Int32Array(throttle);
    this.#state = state;
    worker.on('error', (error) => {
      this.#failure = error;
      this.#onFailure?.(error);
    });
  }

  /** A vCPU that stands still. The caller closes it. */
  static async start(ram: GuestRamDescriptor, state: VcpuState): Promise<Vcpu> {
    const throttle = new SharedArrayBuffer(4);
    const worker = startThread('vcpu', { ram, state, throttle } satisfies VcpuSetup);
    const vcpu = new Vcpu(worker, state, throttle);
    await once(worker, 'message');
    return vcpu;
  }

  /** As of the last stop. */
  get state(): VcpuState {
    return this.#state;
  }

  run(): void {
    this.#send('run');
  }

  /** When it is over nothing writes any more, and everything written is marked. */
  async stop(): Promise<void> {
    if (this.#failure !== undefined) throw MultifdError.from(this.#failure, 'guest', 'the vCPU failed');
    const answer = await new Promise<VcpuAnswer>((resolve, reject) => {
      this.#onFailure = (error) => reject(MultifdError.from(error, 'guest', 'the vCPU failed'));
      this.#worker.once('message', resolve);
      this.#send('stop');
    });
    this.#onFailure = undefined;
    this.#state = { ...this.#state, counter: answer.counter };
  }

  /** @param percent of the time that it stands still from now on, 0 to 99. */
  throttle(percent: number): void {
    Atomics.store(this.#throttle, 0, percent);
  }

  /** CPU time of its thread so far, in ms. */
  async cpuTime(): Promise<number> {
    if (typeof this.#worker.cpuUsage !== 'function')
      throw new Error(`Node ${process.versions.node} does not count that of a thread`);
    const { user, system } = await this.#worker.cpuUsage();
    return (user + system) / 1000;
  }

  async close(): Promise<void> {
    // A stop that waits for its answer, or comes later, would get none.
    this.#failure ??= new MultifdError('guest', 'the vCPU is closed');
    this.#onFailure?.(this.#failure);
    await this.#worker.terminate();
  }

  #send(command: VcpuCommand): void {
    this.#worker.postMessage(command);
  }
}
