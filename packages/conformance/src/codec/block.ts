import assert from 'node:assert/strict';
import type { RamBlock } from '@multifd/core';

/** What memory holds that nobody may write to. */
const CANARY = 0xee;

/**
 * A receiver's RAM block that remembers who wrote where: pages that a packet does not name must keep their canaries.
 * It has a few pages of memory at places of its own, so that offsets may be as large as they like.
 */
export class TestBlock implements RamBlock {
  readonly name = 'pc.ram';
  readonly length = 2 ** 42;
  readonly windowSize: number;
  readonly #pageSize: number;
  readonly #memory: Uint8Array;
  /** Byte offset in the block → page of `#memory`; page 0 and the last one are nobody's. */
  readonly #places: ReadonlyMap<number, number>;

  /** @param inPlace false: no window, as a block in a file. */
  constructor(
    offsets: readonly number[],
    pageSize: number,
    readonly inPlace = true,
  ) {
    this.#pageSize = pageSize;
    this.windowSize = 4 * pageSize;
    this.#memory = new Uint8Array(new SharedArrayBuffer((offsets.length + 2) * pageSize)).fill(CANARY);
    // In the block's order, so that neighbours there are neighbours here.
    const sorted = [...offsets].sort((a, b) => a - b);
    this.#places = new Map(sorted.map((offset, index) => [offset, index + 1]));
  }

  read(offset: number, length: number): Uint8Array {
    return this.#bytes(offset, length);
  }

  window(offset: number, length: number): Uint8Array | undefined {
    const crosses =
      Math.floor(offset / this.windowSize) !== Math.floor((offset + length - 1) / this.windowSize);
    assert.ok(!crosses, `a window of ${length} bytes at ${offset} crosses a multiple of ${this.windowSize}`);
    return this.inPlace ? this.#bytes(offset, length) : undefined;
  }

  write(offset: number, bytes: Uint8Array): void {
    this.#bytes(offset, bytes.length).set(bytes);
  }

  zero(offset: number, length: number): void {
    this.#bytes(offset, length).fill(0);
  }

  absent(_offset: number, length: number): number {
    return -length;
  }

  close(): void {}

  /** One page as it is now. */
  page(offset: number): Uint8Array {
    return this.#bytes(offset, this.#pageSize);
  }

  /** @throws AssertionError if a page of no packet, or one that is not in `named`, was written to. */
  assertOnlyWritten(named: readonly number[]): void {
    const written = new Set(named.map((offset) => this.#places.get(offset)));
    for (let page = 0; page * this.#pageSize < this.#memory.length; page++) {
      if (written.has(page)) continue;
      const bytes = this.#memory.subarray(page * this.#pageSize, (page + 1) * this.#pageSize);
      assert.ok(
        bytes.every((byte) => byte === CANARY),
        'memory was written to that the packet does not name',
      );
    }
  }

  #bytes(offset: number, length: number): Uint8Array {
    for (let at = 0; at < length; at += this.#pageSize) {
      const place = this.#places.get(offset + at);
      const first = this.#places.get(offset) ?? 0;
      assert.ok(
        place !== undefined && place === first + at / this.#pageSize,
        `${length} bytes at ${offset} are not all of the packet's pages`,
      );
    }
    const start = (this.#places.get(offset) ?? 0) * this.#pageSize;
    return this.#memory.subarray(start, start + length);
  }
}
