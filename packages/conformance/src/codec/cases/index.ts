import type { CodecCase } from '../case.js';
import { bufferCases } from './buffers.js';
import { concurrentCases } from './concurrent.js';
import { contentCases } from './content.js';
import { contractCases } from './contract.js';
import { hostileCases } from './hostile.js';
import { lifeCases } from './life.js';
import { placeCases } from './places.js';
import { streamCases } from './stream.js';

/** Everything that a codec must do, in the order in which it is tried. */
export const codecCases: readonly CodecCase[] = [
  ...contractCases,
  ...contentCases,
  ...placeCases,
  ...streamCases,
  ...bufferCases,
  ...hostileCases,
  ...lifeCases,
  ...concurrentCases,
];
