import type { PayloadReader } from '@multifd/core/codec';

/** Lends a codec `bytes` as a connection would: not one byte more, and not at once. */
export class TestPayload implements PayloadReader {
  readonly #bytes: Uint8Array;
  #at = 0;
  /** What a read beyond the end was told; that it must not be swallowed is for the cases to see. */
  refused = false;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  get remaining(): number {
    return this.#bytes.length - this.#at;
  }

  async readInto(targets: readonly Uint8Array[]): Promise<void> {
    for (const target of targets) await this.read(target);
  }

  async read(target: Uint8Array): Promise<void> {
    if (target.length > this.remaining) {
      this.refused = true;
      throw new Error(
        `payload size: at least ${this.#at + target.length} expected, got ${this.#bytes.length}`,
      );
    }
    // Bytes come in two parts, as they do when they cross the ends of what the kernel has.
    const half = target.length >>> 1;
    target.set(this.#bytes.subarray(this.#at, this.#at + half));
    await new Promise((resolve) => setImmediate(resolve));
    target.set(this.#bytes.subarray(this.#at + half, this.#at + target.length), half);
    this.#at += target.length;
  }
}
