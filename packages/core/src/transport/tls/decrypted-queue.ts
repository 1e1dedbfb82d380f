// Whole: Node 20 lacks a name of it that is used here, and would say so in place of `checkVersion`.
import threads, { type Transferable } from 'node:worker_threads';

/** Decrypted bytes as a message carries them: `transfer` is its transfer list. */
export interface DecryptedChunks {
  readonly chunks: readonly Uint8Array[];
  readonly transfer: readonly Transferable[];
}

/** Decrypted bytes that wait for whoever reads them to ask for more. */
export class DecryptedQueue {
  /** Bytes that may still be passed on. */
  #window: number;
  #pending: Buffer[] = [];
  /** Bytes that wait. */
  #waiting = 0;
  #passed = 0;

  /** @param window bytes that may be passed on at first. */
  constructor(window: number) {
    this.#window = window;
  }

  get waiting(): number {
    return this.#waiting;
  }

  /** Bytes that `take` has given so far. */
  get passed(): number {
    return this.#passed;
  }

  add(chunk: Buffer): void {
    this.#pending.push(chunk);
    this.#waiting += chunk.length;
  }

  /** So many more may be passed on. */
  widen(bytes: number): void {
    this.#window += bytes;
  }

  /** What may be passed on now. */
  take(): DecryptedChunks {
    const chunks: Uint8Array[] = [];
    const transfer: Transferable[] = [];
    while (this.#window > 0) {
      const chunk = this.#pending.shift();
      if (chunk === undefined) break;
      const count = Math.min(chunk.length, this.#window);
      if (count < chunk.length) this.#pending.unshift(chunk.subarray(count));
      const { buffer } = chunk;
      const isOwn = buffer instanceof ArrayBuffer && !threads.isMarkedAsUntransferable(buffer);
      if (isOwn && buffer.byteLength === count) {
        transfer.push(buffer);
        chunks.push(new Uint8Array(buffer));
      } else chunks.push(Uint8Array.from(chunk.subarray(0, count)));
      this.#window -= count;
      this.#waiting -= count;
      this.#passed += count;
    }
    return { chunks, transfer };
  }

  drop(): void {
    this.#pending = [];
    this.#waiting = 0;
  }
}
