import type { RamBlock } from '@multifd/core';
import { DirtyBitmap } from '@multifd/core/ram';
import { CHUNK_SIZE } from '../format/layout.js';

/** A block's RAM, chunk by chunk. */
export class ChunksOfBlock {
  readonly #block: RamBlock;
  /** Undefined: RAM is still being written. */
  #received: DirtyBitmap | undefined;
  readonly #pageSize: number;

  constructor(block: RamBlock, pageSize: number) {
    this.#block = block;
    this.#pageSize = pageSize;
  }

  /** Nobody writes any more. @param received the pages that hold content. */
  arrived(received: SharedArrayBuffer): void {
    this.#received = new DirtyBitmap(received, this.#block.length / this.#pageSize);
  }

  /**
   * Bytes of RAM. Chunks of which no page holds content are not read.
   * @returns undefined if nothing was received for it. Else a view of `scratch`, or of the guest's memory if that changes no more.
   */
  read(chunk: number, scratch: Uint8Array): Uint8Array | undefined {
    const offset = chunk * CHUNK_SIZE;
    const length = Math.min(CHUNK_SIZE, this.#block.length - offset);
    const received = this.#received;
    if (received === undefined) return ownCopy(this.#block.read(offset, length, scratch), scratch);
    const from = offset / this.#pageSize;
    const to = (offset + length) / this.#pageSize;
    if (received.firstMarked(from, to) >= to) return undefined;
    const bytes = this.#block.read(offset, length, scratch);
    if (received.firstClear(from, to) >= to) return bytes;
    // Guest memory in place is not ours to write to.
    const own = ownCopy(bytes, scratch);
    this.#clearUnmarked(own, from, received);
    return own;
  }

  /** Zeros where nothing was received, whatever the block has there. */
  #clearUnmarked(chunk: Uint8Array, from: number, received: DirtyBitmap): void {
    for (let at = 0; at < chunk.length; at += this.#pageSize) {
      if (!received.has(from + at / this.#pageSize)) chunk.fill(0, at, at + this.#pageSize);
    }
  }
}

/** What is hashed must be what is packed: memory that somebody writes to is copied once. */
function ownCopy(bytes: Uint8Array, scratch: Uint8Array): Uint8Array {
  if (bytes.buffer === scratch.buffer) return bytes;
  const own = scratch.subarray(0, bytes.length);
  own.set(bytes);
  return own;
}
