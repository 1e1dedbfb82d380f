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
    return this.#block.read(offset, length, scratch);
  }
}
