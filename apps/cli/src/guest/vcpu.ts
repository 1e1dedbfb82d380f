import { once } from 'node:events';
import type { Worker } from 'node:worker_threads';
import { type GuestRamDescriptor, MultifdError } from '@multifd/core';
import { startThread } from '../threads.js';
import type { VcpuAnswer, VcpuCommand, VcpuSetup } from './vcpu-messages.js';
import type { VcpuState } from './vcpu-state.js';

/** The demo guest's vCPU: a thread of its own that writes to RAM and marks what it wrote. */
export class Vcpu {
  readonly #worker: Worker;
  #state: VcpuState;
  #failure: unknown;
  #onFailure: ((error: unknown) => void) | undefined;

  private constructor(worker: Worker, state: VcpuState) {
    this.#worker = worker;
    this.#state = state;
    worker.on('error', (error) => {
      this.#failure = error;
      this.#onFailure?.(error);
    });
  }

  /** A vCPU that stands still. The caller closes it. */
  static async start(ram: GuestRamDescriptor, state: VcpuState): Promise<Vcpu> {
    const worker = startThread('vcpu', { ram, state } satisfies VcpuSetup);
    const vcpu = new Vcpu(worker, state);
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

  /** CPU time of its thread so far, in ms. */
  async cpuTime(): Promise<number> {
    if (typeof this.#worker.cpuUsage !== 'function')
      throw new Error(`Node ${process.versions.node} does not count that of a thread`);
    const { user, system } = await this.#worker.cpuUsage();
    return (user + system) / 1000;
  }

  async close(): Promise<void> {
    await this.#worker.terminate();
  }

  #send(command: VcpuCommand): void {
    this.#worker.postMessage(command);
  }
}
