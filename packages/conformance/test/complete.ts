/** An accelerator that has all of the contract's second version, and keeps it. */
import { setTimeout as wait } from 'node:timers/promises';
import type { Accelerator, AttachedBlock, Detector, DetectorOptions } from '@multifd/core/accelerator';
import { accelerator, CAPABILITIES, rightAnswers } from './broken/make.js';

export const SETTINGS = {
  depth: { type: 'number', min: 1, max: 4, default: 2, help: 'batches at a time' },
  mode: { type: 'choice', choices: ['shared', 'dedicated'], default: 'shared', help: 'of its queue' },
  pin: { type: 'boolean', default: false, help: 'keep memory resident' },
  wq: { type: 'list', positional: true, default: [], help: 'work queues' },
} as const;

/** Memory that is registered with the device, and by how many detectors. */
const registered = new Map<SharedArrayBuffer, number>();

/** What a detector is made of: a broken one replaces a part. */
export class CompleteDetector implements Detector {
  readonly inFlight: number;
  readonly preferredBatch: number = 64;
  protected readonly pageSize: number;
  protected done = { device: 0, cpuAfterFault: 0, queueFullRetries: 0, deviceTime: 0 };
  protected attached: SharedArrayBuffer[] = [];
  #closed = false;

  constructor({ pageSize, settings }: DetectorOptions) {
    this.pageSize = pageSize;
    this.inFlight = typeof settings.depth === 'number' ? settings.depth : 1;
  }

  attach(blocks: readonly AttachedBlock[]): void {
    this.attached = blocks.flatMap(({ pieces }) => pieces.map(({ buffer }) => buffer));
    for (const buffer of this.attached) registered.set(buffer, (registered.get(buffer) ?? 0) + 1);
  }

  detach(): void {
    for (const buffer of this.attached) registered.set(buffer, (registered.get(buffer) ?? 0) - 1);
    this.attached = [];
  }

  async detect(batch: Parameters<Detector['detect']>[0], isZero: Uint8Array): Promise<void> {
    const began = performance.now();
    await wait(0);
    if (this.#closed) throw new Error('closed');
    isZero.set(rightAnswers(batch, this.pageSize));
    const fault = batch.count >> 3;
    this.done.device += batch.count - fault;
    this.done.cpuAfterFault += fault;
    this.done.deviceTime += performance.now() - began;
  }

  counters(): typeof this.done {
    return this.done;
  }

  close(): void {
    this.#closed = true;
    this.detach();
  }
}

/** @param rest of the accelerator that is not as `complete` has it. */
export function completeOne(
  name: string,
  open: (options: DetectorOptions) => Detector,
  rest: Partial<Accelerator> = {},
): Accelerator {
  return {
    ...accelerator(name, () => {
      throw new Error('replaced below');
    }),
    capabilities: { ...CAPABILITIES, inFlight: SETTINGS.depth.max },
    settings: SETTINGS,
    list: () => [
      { id: 'wq0.0', what: 'a queue', numaNode: 0, queueDepth: 4, mode: 'shared', usable: true },
      { id: 'wq0.1', what: 'a queue', usable: false, reason: 'it is disabled', fix: 'enable it' },
    ],
    open: (options) => open(options),
    ...rest,
  };
}

export const complete = completeOne('complete', (options) => new CompleteDetector(options));
