import type { Accelerator } from '@multifd/core/accelerator';
import { bestAccelerator, kernelAccelerator } from './native-accelerator.js';

export { plainRead, type ReadPages } from './read-ceiling.js';

/** What `--accel` finds in this module: the best, and each kernel by its name. */
export const accelerators: readonly Accelerator[] = [
  bestAccelerator,
  ...['avx512', 'avx2', 'sse2', 'neon', 'scalar'].map(kernelAccelerator),
];
