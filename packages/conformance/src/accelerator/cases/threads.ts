/** Code of the threads that the suite starts, as text: it then needs no file of its own, wherever it is bundled. */

/** Opens a detector, asks it a thousand times, and posts what was wrong. Each thread has pages of its own. */
export const DETECTING_THREAD = `
  const { parentPort, workerData } = require('node:worker_threads');
  const { module, name, pageSize, settings, thread, line } = workerData;
  (async () => {
    const accelerator = (await import(module)).accelerators.find((each) => each.name === name);
    const options = accelerator.specVersion === 1 ? { pageSize } : { pageSize, settings };
    const detector = await accelerator.open(line === undefined ? options : { ...options, line });
    const count = Math.min(16, detector.preferredBatch ?? accelerator.capabilities.preferredBatch);
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
