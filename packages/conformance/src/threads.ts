/** Code of a thread that both suites start, as text: it then needs no file of its own, wherever it is bundled. */

/** The words of a page that this thread sets to 1 and clears again. */
export const WRITTEN_WORDS = [100, 200, 300];

/**
 * Sets and clears three words of page 0, as fast as it can, until it is terminated; now and then those of the other
 * even pages. Few words, so that each is set and cleared while a check goes past it; none at the front of a page, so
 * that a quick look there sees nothing. `workerData`: buffer, start, length and pageSize, in bytes.
 */
export const WRITING_THREAD = `
  const { parentPort, workerData } = require('node:worker_threads');
  const { buffer, start, length } = workerData;
  const words = new Int32Array(buffer, start, length / 4);
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
