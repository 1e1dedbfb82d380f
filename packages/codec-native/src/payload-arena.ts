import type { PreparedPayload } from '@multifd/core/codec';

/** Payloads that a chunk has room for, if none of them could be compressed. */
const PAYLOADS_PER_CHUNK = 4;

interface Chunk {
  readonly bytes: Uint8Array;
  used: number;
  /** Payloads in it that are still the socket's. */
  lent: number;
}

/**
 * Memory for payloads between being made and having left, side by side, so that small ones take little: about as much
 * as waits for the connection. A payload is the socket's until its `release` is called.
 */
export class PayloadArena {
  readonly #most: number;
  readonly #free: Chunk[] = [];
  #chunk: Chunk;

  /** @param most bytes of the largest payload. */
  constructor(most: number) {
    this.#most = most;
    this.#chunk = this.#fresh();
  }

  /** Room for a payload of any size, to be written to before the next call of `keep`. */
  room(): Uint8Array {
    if (this.#chunk.used + this.#most > this.#chunk.bytes.length) {
      const full = this.#chunk;
      this.#chunk = this.#free.pop() ?? this.#fresh();
      this.#recycle(full);
    }
    const { bytes, used } = this.#chunk;
    return bytes.subarray(used, used + this.#most);
  }

  /** The first `size` bytes of the room are a payload now. */
  keep(size: number): PreparedPayload {
    const chunk = this.#chunk;
    const bytes = chunk.bytes.subarray(chunk.used, chunk.used + size);
    chunk.used += size;
    chunk.lent++;
    const release = (): void => {
      chunk.lent--;
      this.#recycle(chunk);
    };
    return { vectors: [bytes], size, release };
  }

  /** A chunk of which nothing is lent any more can be used from its start again. */
  #recycle(chunk: Chunk): void {
    if (chunk.lent > 0) return;
    chunk.used = 0;
    if (chunk !== this.#chunk) this.#free.push(chunk);
  }

  #fresh(): Chunk {
    return { bytes: new Uint8Array(PAYLOADS_PER_CHUNK * this.#most), used: 0, lent: 0 };
  }
}
