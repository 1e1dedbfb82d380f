import { Worker } from 'node:worker_threads';
import { expect, test } from 'vitest';
import { openDetector } from './helpers.js';

const PAGE = 4096;

/** Sets and clears bytes of the even pages, as fast as it can, until it is terminated. */
const WRITER = `
  const { parentPort, workerData } = require('node:worker_threads');
  const pages = new Int32Array(workerData);
  parentPort.postMessage('writing');
  for (;;) for (let page = 0; page < pages.length; page += 2048) for (const at of [0, 100, 400, 1023]) {
    pages[page + at] = 1;
    pages[page + at] = 0;
  }
`;

test('while the guest writes to a page, its untouched neighbours keep their right answer', async () => {
  const buffer = new SharedArrayBuffer(8 * PAGE);
  const memory = new Uint8Array(buffer);
  // Pages 1 and 5 are zero up to their last byte, pages 3 and 7 repeat one byte: none of them ever changes.
  for (const page of [1, 5]) memory[page * PAGE + PAGE - 1] = 1;
  for (const page of [3, 7]) memory.fill(0xaa, page * PAGE, (page + 1) * PAGE);
  const detector = await openDetector(PAGE);
  const batch = { memory, offsets: Float64Array.from({ length: 8 }, (_, i) => i * PAGE), count: 8 };
  const isZero = new Uint8Array(8);
  const writer = new Worker(WRITER, { eval: true, workerData: buffer });
  try {
    await new Promise((resolve) => writer.once('message', resolve));
    let writesSeen = 0;
    let wrong = 0;
    for (const stop = performance.now() + 1500; performance.now() < stop; ) {
      for (let i = 0; i < 1000; i++) {
        await detector.detect(batch, isZero);
        if (isZero[0] === 0 || isZero[2] === 0) writesSeen++;
        wrong += isZero[1] + isZero[3] + isZero[5] + isZero[7];
      }
    }
    expect(writesSeen).toBeGreaterThan(0);
    expect(wrong).toBe(0);
  } finally {
    await writer.terminate();
  }
});
