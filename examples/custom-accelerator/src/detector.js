import { Device } from './device.js';

const NOT_READABLE = 2;

/** One detector, for one channel thread, with a queue of its own on the device. */
export class OffloadDetector {
  /** Pages in a batch: what this detector takes, of what `capabilities` declares. */
  preferredBatch;
  #pageSize;
  #counters = { device: 0, cpuAfterFault: 0, queueFullRetries: 0, deviceTime: 0 };
  /** Undefined once it is closed, or was lost. */
  #device = new Device();
  #status = new Uint8Array(Device.QUEUE_DEPTH);
  #zeros;

  /**
   * @param {number} pageSize bytes
   * @param {number} depth descriptors at a time
   */
  constructor(pageSize, depth) {
    this.preferredBatch = depth;
    this.#pageSize = pageSize;
    this.#zeros = Buffer.alloc(pageSize);
  }

  /**
   * Fulfilled only when every answer is in `isZero` and the device reads memory no more: core takes both back then.
   *
   * @param {{ memory: Uint8Array, offsets: Float64Array, count: number }} batch
   * @param {Uint8Array} isZero
   */
  async detect({ memory, offsets, count }, isZero) {
    const device = this.#device;
    const began = performance.now();
    // The device writes to a ring of its own. What it leaves there halfway, when it is lost, is no answer.
    if (device !== undefined) await this.#submit(device, memory, offsets, count);
    if (device !== undefined) this.#counters.deviceTime += performance.now() - began;
    const lost = this.#device === undefined;
    for (let i = 0; i < count; i++) {
      const status = lost ? NOT_READABLE : this.#status[i];
      // One page that the device could not read: the CPU reads it. Never guess "zero".
      isZero[i] = status === NOT_READABLE ? this.#onCpu(memory, offsets[i]) : status;
      if (status === NOT_READABLE) this.#counters.cpuAfterFault++;
      else this.#counters.device++;
    }
  }

  /** For the report: what went to the CPU after all is a number there. */
  counters() {
    return { ...this.#counters };
  }

  /** May be called twice, and while the device is lost. */
  close() {
    this.#device?.reset();
    this.#device = undefined;
  }

  /** A device lost midway: this and all later batches go to the CPU. To stop the migration instead, let it throw. */
  async #submit(device, memory, offsets, count) {
    try {
      await device.submit(memory, offsets, count, this.#pageSize, this.#status);
    } catch {
      this.#device = undefined;
    }
  }

  #onCpu(memory, offset) {
    return Number(this.#zeros.compare(memory, offset, offset + this.#pageSize) === 0);
  }
}
