/** Code of the threads that the suite starts, as text: it then needs no file of its own, wherever it is bundled. */

/** Opens a detector, asks it a thousand times, and posts what was wrong. Each thread has pages of its own. */
export const DETECTING_THREAD = `
  const { parentPort, workerData } = require('node:worker_threads');
  const { module, name, pageSize, thread, line } = workerData;
  (async () => {
    const accelerator = (await import(module)).accelerators.find((each) => each.name === name);
    const detector = await accelerator.open(line === undefined ? { pageSize } : { pageSize, line });
    const count = Math.min(16, accelerator.capabilities.preferredBatch);
    const memory = new Uint8Array(new SharedArrayBuffer(count * pageSize));
    const offsets = Float64Array.from({ length: count }, (_, page) => page * pageSize);
    const isZero = new Uint8Array(count);
    const wrong = [];
    for (let round = 0; round < 1000; round++) {
      const used = (round * 7 + thread * 5) % count;
      const at = used * pageSize + ((round * 97 + thread) % pageSize);
      memory[at] = 1 + thread;
      isZero.fill(0xee);
      await detector.detect({ memory, offsets, count }, isZero);
      memory[at] = 0;
      if (isZero.some((answer, page) => answer !== (page === used ? 0 : 1))) wrong.push(round + ': ' + isZero);
    }
    await detector.close();
    parentPort.postMessage(wrong.slice(0, 5));
  })();
`;

/**
 * Sets and clears three words of page 0, as fast as it can, until it is terminated; now and then those of the other
 * even pages. Few words, so that each is set and cleared while a check goes past it; none at the front of a page, so
 * that a quick look there sees nothing.
 */
export const WRITING_THREAD = `
  const { parentPort, workerData } = require('node:worker_threads');
  const words = new Int32Array(workerData.buffer);
  const stride = workerData.pageSize / 2;
  parentPort.postMessage('writing');
  for (let round = 0; ; round++) {
    const page = round % 16 === 0 ? (round / 16 * stride) % words.length : 0;
    for (let at = page + 100; at < page + 400; at += 100) {
      words[at] = 1;
      words[at] = 0;
    }
  }
`;
