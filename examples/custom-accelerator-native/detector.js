/** One detector, for one channel. The machine code does the work; this says when. */
export class EngineDetector {
  /** Batches that it takes at a time, now that it is open. */
  inFlight;
  #engine;
  /** Batches with the device, each with its memory: until it is done, that must not go away. */
  #running = new Map();
  #closed = false;
  #counters = { device: 0, cpuAfterFault: 0, queueFullRetries: 0, deviceTime: 0 };

  constructor(engine, depth) {
    this.#engine = engine;
    this.inFlight = depth;
  }

  /** Registers the guest's memory. What has no pieces (a file) comes as copies, which the CPU checks. */
  attach(blocks) {
    for (const { pieces } of blocks) for (const piece of pieces) this.#engine.attach(piece);
  }

  detach() {
    this.#engine.detach();
  }

  async detect({ memory, offsets, count }, isZero) {
    if (this.#closed) throw new Error('the detector was closed');
    const checking = this.#engine.check(memory, offsets, count);
    this.#running.set(checking, memory);
    try {
      const { answers, cpuAfterFault, deviceTime } = await checking;
      if (this.#closed) throw new Error('the detector was closed');
      // Complete, so the answers may be seen.
      isZero.set(answers);
      this.#counters.device += count - cpuAfterFault;
      this.#counters.cpuAfterFault += cpuAfterFault;
      this.#counters.deviceTime += deviceTime;
    } finally {
      this.#running.delete(checking);
    }
  }

  /** For the report: what went to the CPU after all is a number there. */
  counters() {
    return { ...this.#counters };
  }

  /** Calls in flight are rejected, but only when the device reads memory no more: core frees it after this. */
  async close() {
    this.#closed = true;
    await Promise.allSettled(this.#running.keys());
    this.#engine.detach();
  }
}
