import type { Accelerator } from '@multifd/core/accelerator';
import { best, simdOrReason, wasmAccelerator } from './wasm-accelerator.js';

/** What `--accel` finds in this module: the better twin, and each by its name. */
export const accelerators: readonly Accelerator[] = [
  wasmAccelerator('wasm', best, true),
  wasmAccelerator('wasm-simd', simdOrReason, false),
  wasmAccelerator('wasm-scalar', () => 'scalar', false),
];
