import { Socket } from 'node:net';
import { IncomingConnection } from '../src/transport/incoming.js';

type Done = (error?: Error | null) => void;

/** A socket that takes every byte at once and sends none. */
export class NullSocket extends Socket {
  override write(bytes: Uint8Array | string, encoding?: BufferEncoding | Done, done?: Done): boolean {
    if (typeof bytes !== 'string') this.keep(bytes);
    const written = typeof encoding === 'function' ? encoding : done;
    written?.();
    return true;
  }

  protected keep(_bytes: Uint8Array): void {}
}

/** Keeps what is written: guest memory by reference, headers (which are written over again) as a copy. */
export class RecordingSocket extends NullSocket {
  readonly vectors: Uint8Array[] = [];
  readonly #isGuest: (bytes: Uint8Array) => boolean;

  constructor(isGuest: (bytes: Uint8Array) => boolean) {
    super();
    this.#isGuest = isGuest;
  }

  protected override keep(bytes: Uint8Array): void {
    this.vectors.push(this.#isGuest(bytes) ? bytes : Uint8Array.from(bytes));
  }
}

/** A connection whose bytes are in memory already. A header never spans two of its vectors. */
export class RecordedConnection extends IncomingConnection {
  readonly #vectors: readonly Uint8Array[];
  #index = 0;
  #at = 0;

  constructor(vectors: readonly Uint8Array[]) {
    super(new Socket(), 'channel 0', { adopt: false });
    this.#vectors = vectors;
  }

  override async peek(count: number): Promise<Uint8Array | undefined> {
    return this.#vectors[this.#index]?.subarray(this.#at, this.#at + count);
  }

  override skip(count: number): void {
    this.#at += count;
    if (this.#at === this.#vectors[this.#index]?.length) {
      this.#index++;
      this.#at = 0;
    }
  }

  override async read(targets: readonly Uint8Array[]): Promise<void> {
    for (const target of targets) {
      for (let done = 0; done < target.length; ) {
        const piece = await this.peek(target.length - done);
        if (piece === undefined) throw new Error('the recording is over');
        target.set(piece, done);
        done += piece.length;
        this.skip(piece.length);
      }
    }
  }
}
