import type { AcceleratorCase } from '../case.js';
import { batchCases } from './batches.js';
import { bufferCases } from './buffers.js';
import { concurrentCases } from './concurrent.js';
import { contentCases } from './content.js';
import { lifeCases } from './life.js';
import { placeCases } from './places.js';
import { probeCases } from './probe.js';
import { timingCases } from './timing.js';

/** Everything that an accelerator must do, in the order in which it is tried. */
export const acceleratorCases: readonly AcceleratorCase[] = [
  ...probeCases,
  ...contentCases,
  ...batchCases,
  ...placeCases,
  ...bufferCases,
  ...timingCases,
  ...lifeCases,
  ...concurrentCases,
];
