/** `@multifd/core/accelerator`: the contract for what answers "is this page all zero?", and what its packages need. */
export { type AddonPlace, exportsFunctions, type LoadedAddon, loadAddon, platformTriple } from '../addon.js';
export { MultifdError } from '../errors.js';
export type { SharedWasmMemory } from '../ram/shared-wasm-memory.js';
export * from '../zero/accelerator.js';
export { isAcceleratorName, loadAccelerator } from '../zero/load.js';
