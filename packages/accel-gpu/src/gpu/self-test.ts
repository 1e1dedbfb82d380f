import type { GpuKernel, Upload } from './kernel.js';

const PAGE_SIZE = 4096;
const PAGES = 2048;
/** Passes that are timed, after one that is not; the best counts: noise only ever adds. */
const PASSES = 3;

/**
 * Lets a kernel check 8 MiB of which it is known which pages are used, and holds it to every answer: no device is
 * believed that has not shown that it can count.
 * @param passes how often it is timed; 0 for the answers alone.
 * @returns bytes a second, with the way there and back: the best of the passes; 0 for none.
 * @throws Error if an answer is wrong.
 */
export async function selfTest(kernel: GpuKernel, passes = PASSES): Promise<number> {
  const { upload, used } = sample();
  let best = Number.POSITIVE_INFINITY;
  for (let pass = 0; pass <= passes; pass++) {
    const began = performance.now();
    const answers = await Promise.all(Array.from({ length: kernel.slots }, () => kernel.check(upload)));
    if (pass > 0) best = Math.min(best, (performance.now() - began) / kernel.slots);
    for (const answer of answers) {
      const wrong = used.findIndex((word, index) => answer[index] !== word);
      if (wrong >= 0 || answer.length !== used.length) {
        throw new Error(`it answers wrongly in its self-test, of pages ${wrong * 32} to ${wrong * 32 + 31}`);
      }
    }
  }
  return passes === 0 ? 0 : (PAGES * PAGE_SIZE * 1000) / best;
}

/** Every fourth page has one byte that is not 0, each at another place of the page and of a word. */
function sample(): { upload: Upload; used: Uint32Array } {
  const memory = new Uint8Array(new SharedArrayBuffer(PAGES * PAGE_SIZE));
  const used = new Uint32Array(PAGES / 32);
  for (let page = 3; page < PAGES; page += 4) {
    memory[page * PAGE_SIZE + ((page * 1031) % PAGE_SIZE)] = 1 << (page % 8);
    used[page >>> 5] = (used[page >>> 5] ?? 0) | (1 << (page & 31));
  }
  return { upload: { pageSize: PAGE_SIZE, count: PAGES, memory, runs: Float64Array.of(0, PAGES) }, used };
}
