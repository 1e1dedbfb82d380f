import { MultifdError } from '../../errors.js';
import type { RamBlock } from '../../ram/block.js';
import type { IncomingBlock } from '../../ram/incoming-ram.js';
import type { Slot } from './transit.js';

/**
 * A RAM block as a method's hooks see it, of which only one packet's pages exist, in a slot. Pages that
 * follow each other in the packet lie side by side.
 */
export class SlotBlock implements RamBlock {
  readonly name: string;
  readonly length: number;
  readonly windowSize = 2 ** 52;
  readonly inPlace = true;
  readonly #slot: Slot;
  readonly #pageSize: number;
  /** Index of the page behind the last window: a packet is gone through in order. */
  #next = 0;

  constructor(block: IncomingBlock, slot: Slot, pageSize: number) {
    this.name = block.name;
    this.length = block.length;
    this.#slot = slot;
    this.#pageSize = pageSize;
  }

  read(offset: number, length: number): Uint8Array {
    return this.window(offset, length);
  }

  window(offset: number, length: number): Uint8Array {
    const { offsets, normal, pages } = this.#slot;
    let index = this.#next;
    if (index >= normal || offsets[index] !== offset) index = offsets.indexOf(offset);
    const count = length / this.#pageSize;
    for (let page = 0; page < count; page++) {
      if (index < 0 || index + page >= normal || offsets[index + page] !== offset + page * this.#pageSize) {
        throw new MultifdError(
          'internal',
          `RAM block ${this.name}: ${length} bytes at ${offset} are not here`,
        );
      }
    }
    this.#next = index + count;
    return pages.subarray(index * this.#pageSize, (index + count) * this.#pageSize);
  }

  write(offset: number, bytes: Uint8Array): void {
    this.window(offset, bytes.length).set(bytes);
  }

  zero(offset: number, length: number): void {
    this.window(offset, length).fill(0);
  }

  absent(_offset: number, length: number): number {
    return -length;
  }

  close(): void {}
}
