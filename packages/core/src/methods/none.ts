import type { IncomingPages, MultiFDMethods, RecvHooks, SendHooks } from './methods.js';

/** Pages as they are: they leave by reference, and arrive straight in guest RAM (wire reference 5). */
export const noneMethod: MultiFDMethods = {
  specVersion: 1,
  name: 'none',
  flag: 0,
  probe: () => ({ ok: true, detail: 'pages as they are' }),
  sendSetup: ({ pageSize }): SendHooks => ({
    prepare: ({ vectors, count }) => ({ vectors, size: count * pageSize }),
    cleanup() {},
  }),
  recvSetup: ({ pageSize, maxPages }): RecvHooks => {
    // One packet's pages, for blocks that are not memory.
    let scratch: Uint8Array | undefined;
    return {
      maxPayload: (count) => count * pageSize,
      async recv(pages, payload) {
        for (let first = 0; first < pages.count; ) {
          const run = neighbours(pages, first, pageSize);
          const offset = pages.offsets[first] ?? 0;
          const window = pages.block.window(offset, run * pageSize);
          if (window !== undefined) {
            await payload.read(window);
          } else {
            scratch ??= new Uint8Array(maxPages * pageSize);
            const staged = scratch.subarray(0, run * pageSize);
            await payload.read(staged);
            pages.block.write(offset, staged);
          }
          first += run;
        }
      },
      cleanup() {},
    };
  },
};

/** How many pages from `first` on follow each other in memory and in one window. */
function neighbours(pages: IncomingPages, first: number, pageSize: number): number {
  const start = pages.offsets[first] ?? 0;
  const windowEnd = (Math.floor(start / pages.block.windowSize) + 1) * pages.block.windowSize;
  let run = 1;
  while (first + run < pages.count) {
    const next = start + run * pageSize;
    if (pages.offsets[first + run] !== next || next >= windowEnd) break;
    run++;
  }
  return run;
}
