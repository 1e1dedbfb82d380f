import type { Accelerator, Detector } from '@multifd/core';
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
    work: inBatches(accelerator, (batch, answers) => detector.detect(batch, answers)),
    async isRight(memory) {
      let right = true;
      const checked = inBatches(accelerator, async (batch, answers) => {
        answers.fill(0xff);
        await detector.detect(batch, answers);
        for (let i = 0; i < batch.count; i++) {
          const start = batch.offsets[i] ?? 0;
          const page = memory.memory.subarray(start, start + PAGE_SIZE);
          right &&= answers[i] === (Buffer.compare(page, zeros) === 0 ? 1 : 0);
        }
      });
      await checked(memory);
      return right;
    },
  };
}

function inBatches(accelerator: Accelerator, detect: Detector['detect']): Work {
  const size = accelerator.capabilities.preferredBatch;
  const offsets = new Float64Array(size);
  const answers = new Uint8Array(size);
  return async ({ memory, wasmMemory }) => {
    const place = wasmMemory === undefined ? { memory } : { memory, wasmMemory };
    for (let start = 0; start < memory.length; start += size * PAGE_SIZE) {
      const count = Math.min(size, (memory.length - start) / PAGE_SIZE);
      for (let i = 0; i < count; i++) offsets[i] = start + i * PAGE_SIZE;
      const answer = detect({ ...place, offsets, count }, answers);
      if (answer !== undefined) await answer;
    }
  };
}
