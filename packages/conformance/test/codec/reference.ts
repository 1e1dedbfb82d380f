/** Codecs that the suite must find nothing wrong with. */
import { setTimeout as wait } from 'node:timers/promises';
import { type MultiFDMethods, placePages } from '@multifd/core/codec';
import { codec, receiver, right, sender } from './make.js';

export const reference = codec('reference');

/** As offload hardware is: everything takes a moment. */
export const asynchronous: MultiFDMethods = codec(
  'asynchronous',
  {},
  {
    async sendSetup(options) {
      const hooks = sender(right, options);
      return {
        async prepare(pages) {
          const prepared = hooks.prepare(pages);
          await wait(0);
          return prepared;
        },
        async cleanup() {
          await wait(0);
        },
      };
    },
    async recvSetup(options) {
      await wait(0);
      return receiver(right, options);
    },
  },
);

/** Sends guest memory by reference, as `none` does. */
export const byReference: MultiFDMethods = codec(
  'by-reference',
  {},
  {
    sendSetup: ({ pageSize }) => ({
      prepare: ({ vectors, count }) => ({ vectors, size: count * pageSize }),
      cleanup() {},
    }),
    recvSetup: ({ pageSize }) => ({
      maxPayload: (count) => count * pageSize,
      async recv(pages, payload) {
        if (pages.payloadSize !== pages.count * pageSize) throw new Error('not the bytes of its pages');
        const bytes = new Uint8Array(pages.payloadSize);
        await payload.read(bytes);
        placePages(pages, bytes, pageSize);
      },
      cleanup() {},
    }),
  },
);

/** What a thread that imports this module finds. */
export const methods = [reference, asynchronous, byReference];
