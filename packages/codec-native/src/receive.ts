import { type MethodOptions, MultifdError, placePages, type RecvHooks } from '@multifd/core';
import type { NativeUnpacker } from './binding.js';

/** A payload may be so many times as long as its pages, which is as much as a QEMU has room for. */
const MOST_EXPANSION = 2;

/**
 * One channel's receiving end. Pages are placed only when the whole payload has turned out to be right; memory: one
 * packet's pages, and the largest payload that is let in.
 */
export function unpackingHooks(
  unpacker: NativeUnpacker,
  name: string,
  { pageSize, maxPages }: MethodOptions,
): RecvHooks {
  const pages = new Uint8Array(pageSize * maxPages);
  const payload = new Uint8Array(MOST_EXPANSION * pages.length);
  return {
    maxPayload: (count) => MOST_EXPANSION * pageSize * count,
    async recv(incoming, reader) {
      const coded = payload.subarray(0, incoming.payloadSize);
      const plain = pages.subarray(0, incoming.count * pageSize);
      await reader.read(coded);
      try {
        unpacker.unpack(coded, plain);
      } catch (cause) {
        throw MultifdError.from(cause, 'protocol', name);
      }
      placePages(incoming, plain, pageSize);
    },
    cleanup: () => unpacker.close(),
  };
}
