import type { Accelerator } from '@multifd/core/accelerator';
import { createCheckPages } from './kernel.js';

const PAGE_SIZE = { min: 4096, max: 65536 } as const;

/** Runs wherever Node does. It holds no memory of the caller's between calls. */
export const jsAccelerator: Accelerator = {
  specVersion: 2,
  name: 'js',
  // The rate is the same, within its spread, from 8 to 1024 pages a batch; 128 is what one packet of 4 KiB pages takes.
  capabilities: { pageSize: PAGE_SIZE, preferredBatch: 128 },

  probe() {
    return {
      ok: true,
      detail: `Buffer.compare, page by page, on Node ${process.versions.node} ${process.arch}`,
    };
  },

  open({ pageSize }) {
    const powerOfTwo = Number.isInteger(Math.log2(pageSize));
    if (!powerOfTwo || pageSize < PAGE_SIZE.min || pageSize > PAGE_SIZE.max) {
      throw new RangeError(
        `accelerator js: page size ${pageSize} is not a power of two from ${PAGE_SIZE.min} to ${PAGE_SIZE.max}`,
      );
    }
    const checkPages = createCheckPages(pageSize);
    return {
      detect({ memory, offsets, count }, isZero) {
        checkPages(memory, offsets, count, isZero);
      },
      close() {},
    };
  },
};
