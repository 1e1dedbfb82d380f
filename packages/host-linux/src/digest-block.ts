import type { RamBlock } from '@multifd/core';
import type { NativeDigests } from './binding.js';
import type { MappedBlock } from './mapped-block.js';
import { attempt } from './native-error.js';

/**
 * A block that a tracker compares with what was read of it: whoever reads gets a copy, and must send it. So it is not
 * in place, and a page counts as absent only if it was so when it was last read.
 */
export class DigestBlock implements RamBlock {
  readonly name: string;
  readonly length: number;
  readonly windowSize: number;
  readonly inPlace = false;
  readonly #block: MappedBlock;
  readonly #digests: NativeDigests;

  constructor(block: MappedBlock, digests: NativeDigests) {
    this.name = block.name;
    this.length = block.length;
    this.windowSize = block.windowSize;
    this.#block = block;
    this.#digests = digests;
  }

  /** Whole pages. */
  read(offset: number, length: number, scratch: Uint8Array): Uint8Array {
    const target = scratch.subarray(0, length);
    attempt(() => this.#digests.read(offset, target), `RAM block ${this.name}`);
    return target;
  }

  window(): undefined {
    return undefined;
  }

  write(offset: number, bytes: Uint8Array): void {
    this.#block.write(offset, bytes);
  }

  zero(offset: number, length: number): void {
    this.#block.zero(offset, length);
  }

  absent(offset: number, length: number): number {
    return attempt(() => this.#digests.absent(offset, length));
  }

  intact(): void {
    this.#block.intact();
  }

  close(): void {
    this.#digests.close();
    this.#block.close();
  }
}
