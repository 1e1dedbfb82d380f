import type { RamBlock } from '@multifd/core';
import { DirtyBitmap } from '@multifd/core/ram';
import { CHUNK_SIZE } from '../format/layout.js';

/** A block's RAM, chunk by chunk. Chunks of which no page holds content are not read. */
export class ChunksOfBlock {
  readonly #block: RamBlock;
  readonly #received: DirtyBitmap;
  readonly #pageSize: number;

  constructor(block: RamBlock, received: SharedArrayBuffer, pageSize: number) {
    this.#block = block;
    this.#pageSize = pageSize;
    this.#received = new DirtyBitmap(received, block.length / pageSize);
  }

  /** Bytes of RAM. @returns undefined if nothing was received for it. Else a view of `scratch`, or of the guest's memory. */
  read(chunk: number, scratch: Uint8Array): Uint8Array | undefined {
    const offset = chunk * CHUNK_SIZE;
    const length = Math.min(CHUNK_SIZE, this.#block.length - offset);
    const from = offset / this.#pageSize;
    const to = (offset + length) / this.#pageSize;
    if (this.#received.firstMarked(from, to) >= to) return undefined;
    const bytes = this.#block.read(offset, length, scratch);
    return this.#received.firstClear(from, to) >= to ? bytes : this.#withoutUnmarked(bytes, from, scratch);
  }

  /** Zeros where nothing was received, whatever the block has there. @returns a view of `scratch`. */
  #withoutUnmarked(bytes: Uint8Array, from: number, scratch: Uint8Array): Uint8Array {
    const chunk = scratch.subarray(0, bytes.length);
    // Guest memory in place is not ours to write to.
    if (bytes.buffer !== scratch.buffer) chunk.set(bytes);
    for (let at = 0; at < chunk.length; at += this.#pageSize) {
      if (!this.#received.has(from + at / this.#pageSize)) chunk.fill(0, at, at + this.#pageSize);
    }
    return chunk;
  }
}
