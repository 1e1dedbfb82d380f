import type { Accelerator } from '@multifd/core/accelerator';
import { jsAccelerator } from './js-accelerator.js';

/** What `--accel` finds in this module. */
export const accelerators: readonly Accelerator[] = [jsAccelerator];
