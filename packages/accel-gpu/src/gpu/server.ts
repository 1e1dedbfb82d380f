import type { MessagePort } from 'node:worker_threads';
import type { Answer, Request, ServingData } from '../protocol.js';
import { NoDevice } from './dawn.js';
import { Device } from './device.js';
import { Kernels } from './kernels.js';

/** A request's answer, without its number. */
type Reply = Answer extends infer Each ? (Each extends Answer ? Omit<Each, 'id'> : never) : never;

/** Serves the lines of a process with one device. It lives in a thread of its own: guest memory is copied in it. */
export class Server {
  readonly #data: ServingData;
  readonly #onLost: (reason: string) => void;
  /** Opened with the first request. */
  #opened: Promise<{ device: Device; kernels: Kernels }> | undefined;
  #checks = 0;
  #resting = false;
  /** Requests that the device is at work on. */
  readonly #underWay = new Set<Promise<Reply>>();

  /** @param onLost the device is gone: every request from now on fails. */
  constructor(data: ServingData, onLost: (reason: string) => void) {
    this.#data = data;
    this.#onLost = onLost;
  }

  serve(port: MessagePort): void {
    port.on('message', (request: Request) => {
      if (this.#resting) return;
      const answer = this.#answer(request);
      this.#underWay.add(answer);
      answer.then(
        (reply) => {
          const transfer = reply.type === 'checked' ? [reply.used.buffer] : [];
          port.postMessage({ id: request.id, ...reply }, transfer);
        },
        (error: unknown) => port.postMessage({ id: request.id, ...failure(error) }),
      );
      void answer.catch(() => {}).finally(() => this.#underWay.delete(answer));
    });
  }

  /** Takes no more requests. Fulfilled when the device has nothing to do any more. */
  async rest(): Promise<void> {
    this.#resting = true;
    await Promise.allSettled(this.#underWay);
  }

  async #answer(request: Request): Promise<Reply> {
    const { device, kernels } = await this.#open();
    const { kernel, description } = await kernels.choose(request.kernel);
    switch (request.type) {
      case 'describe':
        return { type: 'described', description };
      case 'resident':
        return { type: 'measured', bytesPerSecond: await kernel.resident(request.passes) };
      case 'check': {
        if (++this.#checks === this.#data.loseAfter) device.destroy();
        const { pageSize, memory, runs } = request;
        let count = 0;
        for (let index = 1; index < runs.length; index += 2) count += runs[index] ?? 0;
        const upload = { pageSize, count, memory: new Uint8Array(memory), runs };
        return { type: 'checked', used: await kernel.check(upload) };
      }
    }
  }

  #open(): Promise<{ device: Device; kernels: Kernels }> {
    this.#opened ??= Device.open(this.#data.adapter).then((device) => {
      void device.lost.then(this.#onLost);
      return { device, kernels: new Kernels(device) };
    });
    return this.#opened;
  }
}

function failure(error: unknown): Reply {
  if (error instanceof NoDevice) return { type: 'refused', reason: error.message, fix: error.fix };
  return { type: 'failed', reason: error instanceof Error ? error.message : String(error) };
}
