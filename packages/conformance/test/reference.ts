/** The definition as an accelerator, synchronous and asynchronous; the suite must find nothing wrong with them. */
import { setTimeout as wait } from 'node:timers/promises';
import type { Accelerator } from '@multifd/core/accelerator';
import { accelerator, CAPABILITIES, pageByPage, rightAnswer, rightAnswers } from './broken/make.js';

export const reference = pageByPage('reference', rightAnswer);

/** As offload hardware is: a batch is submitted, and is done some time later, in whatever order. */
export const asynchronous: Accelerator = accelerator('asynchronous', (pageSize) => ({
  async detect(batch, isZero) {
    const delay = batch.count % 3;
    if (delay > 0) await wait(delay);
    isZero.set(rightAnswers(batch, pageSize));
  },
  async close() {
    await wait(0);
  },
}));

/** One page at a time, and no page but the smallest. */
export const picky: Accelerator = {
  ...reference,
  name: 'picky',
  capabilities: { ...CAPABILITIES, pageSize: { min: 4096, max: 4096 }, preferredBatch: 1 },
};

export const accelerators = [reference, asynchronous, picky];
