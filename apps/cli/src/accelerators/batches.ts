import type { Accelerator, Detector } from '@multifd/core/accelerator';
import { PAGE_SIZE } from './bench-memory.js';
import type { Work } from './plain-read.js';

/**
 * As core asks: batches of `size` pages, by default as many as the detector likes best and never more, and as many of
 * them at a time as it takes.
 */
export function inBatches(
  { capabilities }: Accelerator,
  detector: Pick<Detector, 'detect' | 'preferredBatch' | 'inFlight'>,
  wanted = Number.POSITIVE_INFINITY,
): Work {
  const size = Math.min(wanted, detector.preferredBatch ?? capabilities.preferredBatch);
  const length = detector.inFlight ?? capabilities.inFlight ?? 1;
  const lanes = Array.from({ length }, () => ({
    offsets: new Float64Array(size),
    answers: new Uint8Array(size),
  }));
  return async ({ memory, wasmMemory }) => {
    const place = wasmMemory === undefined ? { memory } : { memory, wasmMemory };
    let next = 0;
    const run = async ({ offsets, answers }: (typeof lanes)[number]): Promise<void> => {
      while (next < memory.length) {
        const start = next;
        next += size * PAGE_SIZE;
        const count = Math.min(size, (memory.length - start) / PAGE_SIZE);
        for (let i = 0; i < count; i++) offsets[i] = start + i * PAGE_SIZE;
        const answer = detector.detect({ ...place, offsets, count }, answers);
        if (answer !== undefined) await answer;
      }
    };
    await Promise.all(lanes.map(run));
  };
}
