/** Accelerators that take several batches at a time, and are right as long as they get one. */
import type { Accelerator } from '@multifd/core/accelerator';
import { accelerator, CAPABILITIES, rightAnswers } from './make.js';

/** Its answers come a moment later, from what `keep` makes of the batch. */
function overlapping(name: string, answerTo: () => (answers: () => Uint8Array) => Uint8Array): Accelerator {
  return accelerator(
    name,
    (pageSize) => {
      const keep = answerTo();
      return {
        async detect(batch, isZero) {
          const settle = keep(() => rightAnswers(batch, pageSize));
          await new Promise(setImmediate);
          isZero.set(settle.subarray(0, batch.count));
        },
        close() {},
      };
    },
    { capabilities: { ...CAPABILITIES, preferredBatch: 256, inFlight: 3 } },
  );
}

export const overlaps: readonly Accelerator[] = [
  // One buffer for all that is in flight.
  overlapping('one-buffer-for-all-in-flight', () => {
    const only = new Uint8Array(256);
    return (answers) => {
      only.set(answers());
      return only;
    };
  }),
];

/** Right, and takes as many as it says. */
export const overlapsRightly = overlapping('buffer-of-its-own-for-each', () => (answers) => answers());
