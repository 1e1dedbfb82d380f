import type { Accelerator } from '@multifd/core/accelerator';
import { gpuAccelerator } from './gpu-accelerator.js';

/**
 * What `--accel` finds in this module: the better kernel, and each by its name; on a graphics card, or behind
 * `:software` on software that stands in for one.
 */
export const accelerators: readonly Accelerator[] = [
  gpuAccelerator('gpu', 'best', 'hardware', true),
  gpuAccelerator('gpu-wgsl', 'wgsl', 'hardware', false),
  gpuAccelerator('gpu-gpujs', 'gpujs', 'hardware', false),
  gpuAccelerator('gpu:software', 'best', 'software', false),
  gpuAccelerator('gpu-wgsl:software', 'wgsl', 'software', false),
  gpuAccelerator('gpu-gpujs:software', 'gpujs', 'software', false),
];
