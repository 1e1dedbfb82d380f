import type { RamBlockDescriptor } from './block.js';

/** Size of a claim in bytes. Divides every segment size, so a range lies within one window. */
export const RANGE_SIZE = 4 * 2 ** 20;

/** A piece of one block. */
export interface Range {
  /** Index of the block. */
  readonly block: number;
  /** Byte offset in the block, a multiple of `RANGE_SIZE`. */
  readonly offset: number;
  /** Bytes; `RANGE_SIZE`, less at a block's end. */
  readonly length: number;
}

/** Numbers the ranges of all RAM, block after block, so that one number names a piece of work. */
export class RangeTable {
  readonly count: number;
  readonly #firsts: readonly number[];
  readonly #lengths: readonly number[];

  constructor(blocks: readonly Pick<RamBlockDescriptor, 'length'>[]) {
    const firsts: number[] = [];
    let count = 0;
    for (const block of blocks) {
      firsts.push(count);
      count += Math.ceil(block.length / RANGE_SIZE);
    }
    this.count = count;
    this.#firsts = firsts;
    this.#lengths = blocks.map((block) => block.length);
  }

  /** @param index 0 to `count - 1`. */
  at(index: number): Range {
    let block = this.#firsts.length - 1;
    while (block > 0 && index < (this.#firsts[block] ?? 0)) block--;
    const offset = (index - (this.#firsts[block] ?? 0)) * RANGE_SIZE;
    return { block, offset, length: Math.min(RANGE_SIZE, (this.#lengths[block] ?? 0) - offset) };
  }
}
