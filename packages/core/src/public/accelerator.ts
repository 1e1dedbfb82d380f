/// <reference types="node" preserve="true" />
/**
 * The contract of accelerators, which find zero pages, and what their packages need.
 * @module @multifd/core/accelerator
 */
export { type AddonPlace, exportsFunctions, type LoadedAddon, loadAddon, platformTriple } from '../addon.js';
export { MultifdError } from '../errors.js';
export { checkThreads } from '../limits/needs.js';
export type { Room, SystemLimits } from '../limits/system-limits.js';
export type { MemoryBacking } from '../ram/block.js';
export type { SharedWasmMemory } from '../ram/shared-wasm-memory.js';
export type { DetectorCounters } from '../thread/offloaded.js';
export * from '../zero/accelerator.js';
export { faultOfCounters } from '../zero/counters.js';
export type {
  AttachedBlock,
  Detector,
  DetectorOptions,
  PageBatch,
} from '../zero/detector.js';
export { type AcceleratorDevice, type DeviceFacts, faultOfDevices } from '../zero/device.js';
export { loadAccelerator, settingsFor } from '../zero/load.js';
export { type NamedModule, splitModuleName } from '../zero/module-name.js';
export * from '../zero/settings.js';
export { isAcceleratorName } from '../zero/shape.js';
export {
  type AcceleratorV1,
  currentAccelerator,
  type DetectorOptionsV1,
  type DetectorV1,
  isOfVersion1,
} from '../zero/version1.js';
