import { OffloadDetector } from './detector.js';
import { Device } from './device.js';

/** What a user can set: `--accel ./examples/custom-accelerator:depth=64`. */
const settings = /** @type {const} */ ({
  depth: {
    type: 'number',
    min: 1,
    max: Device.QUEUE_DEPTH,
    default: Device.QUEUE_DEPTH,
    help: 'descriptors that are with the device at a time',
  },
});

/** @type {import('@multifd/core/accelerator').Accelerator<typeof settings>} */
const offload = {
  specVersion: 2,
  name: 'example-offload',
  // Whatever the hardware likes: declared, never guessed.
  capabilities: { pageSize: { min: 4096, max: 65536 }, preferredBatch: Device.QUEUE_DEPTH },
  settings,

  list: () => [{ id: 'example0', queueDepth: Device.QUEUE_DEPTH, ...Device.state() }],

  probe() {
    const missing = Device.missing();
    if (missing === undefined) return { ok: true, detail: 'pretend offload device, firmware 1.0' };
    return { ok: false, reason: missing, fix: Device.FIX };
  },

  open: ({ pageSize, settings: { depth } }) => new OffloadDetector(pageSize, depth),
};

/** What `--accel` finds in this module. */
export const accelerators = [offload];
