import type { Accelerator } from '@multifd/core/accelerator';
import { dsaAccelerator } from './accelerator.js';
import { hardware } from './hardware.js';
import { software } from './software.js';

/** What `--accel` finds in this module: real devices, and the software queue that stands in for one. */
export const accelerators: readonly Accelerator[] = [
  dsaAccelerator(hardware()),
  dsaAccelerator(software('dsa:software')),
];
