import { OffloadDetector } from './detector.js';
import { Device } from './device.js';

/** @type {import('@multifd/core/accelerator').Accelerator} */
const offload = {
  specVersion: 1,
  name: 'example-offload',
  // Whatever the hardware likes: declared, never guessed.
  capabilities: { pageSize: { min: 4096, max: 65536 }, preferredBatch: Device.QUEUE_DEPTH },

  probe() {
    const missing = Device.missing();
    if (missing === undefined) return { ok: true, detail: 'pretend offload device, firmware 1.0' };
    return { ok: false, reason: missing, fix: 'load its driver: modprobe example' };
  },

  open: ({ pageSize }) => new OffloadDetector(pageSize),
};

/** What `--accel` finds in this module. */
export const accelerators = [offload];
