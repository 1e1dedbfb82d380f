/// <reference types="node" preserve="true" />
/**
 * The contract of accelerators, which find zero pages, and what their packages need.
 * @module @multifd/core/accelerator
 */
export { type AddonPlace, exportsFunctions, type LoadedAddon, loadAddon, platformTriple } from '../addon.js';
export { MultifdError } from '../errors.js';
export { checkThreads } from '../limits/needs.js';
export type { Room, SystemLimits } from '../limits/system-limits.js';
export type { SharedWasmMemory } from '../ram/shared-wasm-memory.js';
export * from '../zero/accelerator.js';
export { isAcceleratorName, loadAccelerator } from '../zero/load.js';
export { type NamedModule, splitModuleName } from '../zero/module-name.js';
