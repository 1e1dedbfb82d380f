import { MultifdError } from '@multifd/core';
import type { Accelerator, Detector } from '@multifd/core/accelerator';
import { inBatches } from './batches.js';
import { type BenchMemory, PAGE_SIZE } from './bench-memory.js';
import { inItsName } from './foreign-code.js';
import type { Work } from './plain-read.js';

/** What is measured under one name. */
export interface Contender {
  readonly name: string;
  readonly work: Work;
  /** Goes over the memory once, and tells whether each answer was right. Plain reading has no answers. */
  readonly isRight?: (memory: BenchMemory) => Promise<boolean>;
}

/** @param pages of each batch; undefined: what the accelerator likes best. */
export function contenderOf(
  name: string,
  accelerator: Accelerator,
  detector: Detector,
  pages?: number,
): Contender {
  const zeros = new Uint8Array(PAGE_SIZE);
  return {
    name,
    work: inBatches(accelerator, detector, pages),
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
      const { preferredBatch, inFlight } = detector;
      const limits = {
        ...(preferredBatch === undefined ? {} : { preferredBatch }),
        ...(inFlight === undefined ? {} : { inFlight }),
      };
      const checked = inBatches(accelerator, { detect, ...limits }, pages);
      await checked(memory);
      return right;
    },
  };
}

/** @throws MultifdError `accelerator`, with its name, if it fails or gives a wrong answer. */
export async function checkAnswers(
  { name, isRight }: Contender,
  memory: BenchMemory,
  signal: AbortSignal,
): Promise<void> {
  if (isRight === undefined || (await inItsName(name, () => isRight(memory), signal))) return;
  throw new MultifdError('accelerator', `accelerator ${name} gave a wrong answer`, {
    hint: 'test it with @multifd/conformance first',
  });
}
