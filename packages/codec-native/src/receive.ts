import {
  type MethodOptions,
  MultifdError,
  pageWindows,
  placePages,
  type RecvHooks,
} from '@multifd/core/codec';
import type { NativeUnpacker } from './binding.js';

/** A payload may be so many times as long as its pages, which is as much as a QEMU has room for. */
const MOST_EXPANSION = 2;

/**
 * One channel's receiving end. Memory: the largest payload that is let in, and one packet's pages for blocks that are
 * not memory.
 */
export function unpackingHooks(
  unpacker: NativeUnpacker,
  name: string,
  { pageSize, maxPages }: MethodOptions,
): RecvHooks {
  const payload = new Uint8Array(MOST_EXPANSION * pageSize * maxPages);
  let scratch: Uint8Array | undefined;
  const unpack = (coded: Uint8Array, pages: readonly Uint8Array[]): void => {
    try {
      unpacker.unpack(coded, pages);
    } catch (cause) {
      throw MultifdError.from(cause, 'protocol', name);
    }
  };
  return {
    maxPayload: (count) => MOST_EXPANSION * pageSize * count,
    async recv(incoming, reader) {
      const coded = payload.subarray(0, incoming.payloadSize);
      await reader.read(coded);
      if (incoming.block.inPlace) return unpack(coded, pageWindows(incoming, pageSize));
      scratch ??= new Uint8Array(pageSize * maxPages);
      const plain = scratch.subarray(0, incoming.count * pageSize);
      unpack(coded, [plain]);
      placePages(incoming, plain, pageSize);
    },
    cleanup: () => unpacker.close(),
  };
}
