import type { AcceleratorCase } from '../case.js';
import { attachedCases } from './attached.js';
import { batchCases } from './batches.js';
import { bufferCases } from './buffers.js';
import { concurrentCases } from './concurrent.js';
import { contentCases } from './content.js';
import { counterCases } from './counters.js';
import { lifeCases } from './life.js';
import { placeCases } from './places.js';
import { probeCases } from './probe.js';
import { timingCases } from './timing.js';
import { toldCases } from './told.js';

/** Everything that an accelerator must do, in the order in which it is tried. */
export const acceleratorCases: readonly AcceleratorCase[] = [
  ...probeCases,
  ...toldCases,
  ...contentCases,
  ...batchCases,
  ...placeCases,
  ...bufferCases,
  ...timingCases,
  ...lifeCases,
  ...attachedCases,
  ...counterCases,
  ...concurrentCases,
];
