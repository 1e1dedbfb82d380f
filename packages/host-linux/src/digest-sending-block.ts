import type { SendingBlock } from '@multifd/core/host';
import type { NativeDigests } from './binding.js';
import type { MappedBlock } from './mapped-block.js';
import { attempt } from './native-error.js';

/**
 * A block that a tracker compares with what was read of it here: a copy, which must be sent. So it is not in place, and
 * a page counts as absent only if it was so when it was last sent. Whoever only looks, looks at the mapping.
 */
export class DigestSendingBlock implements SendingBlock {
  readonly block: MappedBlock;
  readonly inPlace = false;
  readonly #digests: NativeDigests;

  constructor(block: MappedBlock, digests: NativeDigests) {
    this.block = block;
    this.#digests = digests;
  }

  /** Whole pages. */
  readToSend(offset: number, length: number, scratch: Uint8Array): Uint8Array {
    const target = scratch.subarray(0, length);
    attempt(() => this.#digests.readToSend(offset, target), `RAM block ${this.block.name}`);
    return target;
  }

  absentToSend(offset: number, length: number): number {
    return attempt(() => this.#digests.absentToSend(offset, length), `RAM block ${this.block.name}`);
  }

  close(): void {
    this.#digests.close();
    this.block.close();
  }
}
