import { EngineDetector } from './detector.js';

/** What a user can set: `--accel .:depth=4,fault-every=100`. */
const settings = /** @type {const} */ ({
  depth: { type: 'number', min: 1, max: 4, default: 2, help: 'batches that are with the device at a time' },
  'fault-every': {
    type: 'number',
    min: 0,
    max: 2 ** 20,
    default: 0,
    help: 'rehearsal: the device cannot read each page of this number in a batch; 0: it reads all',
  },
});

/** The addon, which `napi build` makes: `binding.js` loads it. */
async function load() {
  try {
    return await import('./binding.js');
  } catch (cause) {
    throw new Error('its machine code is not built for this system', { cause });
  }
}

/** @type {import('@multifd/core/accelerator').Accelerator<typeof settings>} */
const engine = {
  specVersion: 2,
  name: 'native-offload',
  capabilities: {
    pageSize: { min: 4096, max: 65536 },
    preferredBatch: 1024,
    // What a detector may take; it says itself what it does.
    inFlight: settings.depth.max,
  },
  settings,

  // Look for your devices here, in sysfs.
  list: () => [
    { id: 'engine0', what: 'pretend offload engine', queueDepth: settings.depth.max, usable: true },
  ],

  async probe() {
    try {
      await load();
      return { ok: true, detail: 'pretend offload engine, by machine code' };
    } catch (error) {
      return { ok: false, reason: error.message, fix: 'build it: npm run build, which needs Rust' };
    }
  },

  async open({ pageSize, settings: { depth, 'fault-every': faultEvery } }) {
    const { Engine } = await load();
    return new EngineDetector(new Engine(pageSize, faultEvery), depth);
  },
};

/** What `--accel` finds in this module. */
export const accelerators = [engine];
