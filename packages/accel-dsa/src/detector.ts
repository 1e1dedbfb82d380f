import type { Detector, DetectorCounters, PageBatch } from '@multifd/core/accelerator';
import type { Lane } from './binding.js';

interface Way {
  readonly lane: Lane;
  calls: number;
}

/** One thread's use of one or more queues: a batch goes to the queue that has the fewest of this detector. */
export class DsaDetector implements Detector {
  readonly preferredBatch: number;
  readonly inFlight: number;
  readonly #ways: readonly Way[];
  readonly #pageSize: number;
  /** Calls in flight, each with the memory that its device reads: V8 must not free it meanwhile. */
  readonly #calls = new Map<Promise<unknown>, Uint8Array>();
  readonly #counters = { device: 0, cpuAfterFault: 0, queueFullRetries: 0, deviceTime: 0 };
  #closing: Promise<void> | undefined;

  /** @param lanes at least one; the detector closes them. */
  constructor(lanes: readonly Lane[], pageSize: number, preferredBatch: number, inFlight: number) {
    this.#ways = lanes.map((lane) => ({ lane, calls: 0 }));
    this.#pageSize = pageSize;
    this.preferredBatch = preferredBatch;
    this.inFlight = inFlight;
  }

  async detect({ memory, offsets, count }: PageBatch, isZero: Uint8Array): Promise<void> {
    if (this.#closing !== undefined) throw closed();
    const way = this.#ways.reduce((best, each) => (each.calls < best.calls ? each : best));
    const call = way.lane.check(memory, offsets, count, this.#pageSize);
    this.#calls.set(call, memory);
    way.calls++;
    try {
      const { answers, byDevice, byCpu, retries, nanoseconds } = await call;
      if (this.#closing !== undefined) throw closed();
      isZero.set(answers);
      this.#counters.device += byDevice;
      this.#counters.cpuAfterFault += byCpu;
      this.#counters.queueFullRetries += retries;
      this.#counters.deviceTime += nanoseconds / 1e6;
    } finally {
      this.#calls.delete(call);
      way.calls--;
    }
  }

  counters(): DetectorCounters {
    return { ...this.#counters };
  }

  /** Calls in flight are rejected when their device has answered, or is known to be lost: then it reads nothing more. */
  close(): Promise<void> {
    this.#closing ??= Promise.allSettled(this.#calls.keys()).then(() => {
      for (const { lane } of this.#ways) lane.close();
    });
    return this.#closing;
  }
}

function closed(): Error {
  return new Error('the detector was closed');
}
