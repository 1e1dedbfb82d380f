/**
 * Pretend hardware, where a driver of yours goes. It takes a batch of descriptors, works on it beside the thread that
 * submitted it, and completes each descriptor on its own: done, or not readable (as a device answers that met a page
 * fault). It may be lost at any time.
 *
 * Here it is timers and a loop over bytes: all that matters is the order of things.
 */
export class Device {
  #lost = false;
  #inFlight = 0;

  /** Descriptors that it can work on at a time. */
  static QUEUE_DEPTH = 256;

  /** What makes it appear. */
  static FIX = 'load its driver: modprobe example';

  /** What it is, and whether it can be used, as `multifd accel list` shows it. */
  static state() {
    const what = 'pretend offload device, firmware 1.0';
    const reason = Device.missing();
    return reason === undefined ? { what, usable: true } : { what, usable: false, reason, fix: Device.FIX };
  }

  /** @returns why there is no device in this machine, or undefined. A real one looks for its device file here. */
  static missing() {
    return process.env.EXAMPLE_DEVICE === 'none' ? 'there is no /dev/example0' : undefined;
  }

  /**
   * Compares each page with zero; `status[i]` is then 1 (zero), 0 (not zero) or 2 (could not be read).
   *
   * @param {Uint8Array} memory
   * @param {Float64Array} offsets
   * @param {number} count at most QUEUE_DEPTH
   * @param {number} pageSize
   * @param {Uint8Array} status the device's own completion ring
   * @returns {Promise<void>} fulfilled when all are complete; rejected when the device is lost.
   */
  async submit(memory, offsets, count, pageSize, status) {
    this.#throwIfLost();
    this.#inFlight++;
    try {
      // The interrupt comes later: this thread does something else meanwhile.
      await new Promise((resolve) => setImmediate(resolve));
      this.#throwIfLost();
      for (let i = 0; i < count; i++) {
        // Every so often a page is not mapped for the device.
        const faults = (offsets[i] / pageSize) % 61 === 60;
        status[i] = faults ? 2 : Number(isZeroPage(memory, offsets[i], pageSize));
      }
      if (process.env.EXAMPLE_DEVICE === 'lost') this.#lost = true;
    } finally {
      this.#inFlight--;
    }
  }

  get idle() {
    return this.#inFlight === 0;
  }

  reset() {
    this.#lost = true;
  }

  #throwIfLost() {
    if (this.#lost) throw new Error('the device was lost');
  }
}

const zeros = Buffer.alloc(65536);

function isZeroPage(memory, offset, pageSize) {
  return zeros.compare(memory, offset, offset + pageSize, 0, pageSize) === 0;
}
