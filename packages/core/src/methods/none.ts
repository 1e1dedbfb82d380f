import type { MultiFDMethods, RecvHooks, SendHooks } from './methods.js';
import { pageWindows } from './page-windows.js';
import { placePages } from './place-pages.js';

/** Sends pages uncompressed: by reference, and received straight into guest RAM (docs/wire.md, 5). */
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
    // Holds one packet's pages, for blocks that are not in place.
    let scratch: Uint8Array | undefined;
    return {
      maxPayload: (count) => count * pageSize,
      async recv(pages, payload) {
        if (pages.block.inPlace) {
          await payload.readInto(pageWindows(pages, pageSize));
          return;
        }
        scratch ??= new Uint8Array(maxPages * pageSize);
        const staged = scratch.subarray(0, pages.count * pageSize);
        await payload.read(staged);
        placePages(pages, staged, pageSize);
      },
      cleanup() {},
    };
  },
};
