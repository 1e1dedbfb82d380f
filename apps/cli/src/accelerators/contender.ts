import type { Accelerator, Detector } from '@multifd/core/accelerator';
import { inBatches } from './batches.js';
import { type BenchMemory, PAGE_SIZE } from './bench-memory.js';
import type { Work } from './plain-read.js';

/** What is measured under one name. */
export interface Contender {
  readonly name: string;
  readonly work: Work;
  /** Goes over the memory once, and tells whether each answer was right. Plain reading has no answers. */
  readonly isRight?: (memory: BenchMemory) => Promise<boolean>;
}

export function contenderOf(name: string, accelerator: Accelerator, detector: Detector): Contender {
  const zeros = new Uint8Array(PAGE_SIZE);
  return {
    name,
    work: inBatches(accelerator, detector),
    async isRight(memory) {
      let right = true;
      const detect: Detector['detect'] = async (batch, answers) => {
        answers.fill(0xff);
        await detector.detect(batch, answers);
        for (let i = 0; i < batch.count; i++) {
          const start = batch.offsets[i] ?? 0;
          const page = memory.memory.subarray(start, start + PAGE_SIZE);
          right &&= answers[i] === (Buffer.compare(page, zeros) === 0 ? 1 : 0);
        }
      };
      const checked = inBatches(accelerator, { detect });
      await checked(memory);
      return right;
    },
  };
}
