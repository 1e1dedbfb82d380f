/**
 * The contract for multifd compression methods, and what their packages need.
 * @module @multifd/core/codec
 */
export { type AddonPlace, exportsFunctions, type LoadedAddon, loadAddon, platformTriple } from '../addon.js';
export { MultifdError } from '../errors.js';
export { methodsFor } from '../methods/automatic.js';
export * from '../methods/methods.js';
export { pageWindows } from '../methods/page-windows.js';
export { placePages } from '../methods/place-pages.js';
export { loadMethod, methodsOf } from '../methods/registry.js';
export { type MethodSample, type SampleOptions, sampleMethod } from '../methods/sample.js';
export { AUTO, faultOfMethod, isMultiFDMethods } from '../methods/shape.js';
export type { RamBlock } from '../ram/block.js';
export type { Probe } from '../zero/accelerator.js';
