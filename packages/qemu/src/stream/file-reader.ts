import { ByteReader, type MainRecord, type Reading, type Steps } from '@multifd/core/wire';
import type { ByteSource } from './byte-source.js';

/** Bytes read ahead. */
const WINDOW = 64 * 1024;

/** Gives core's readers of the main stream the bytes of a file, and can go to any place in it. Offsets are the file's. */
export class FileReader extends ByteReader {
  readonly #source: ByteSource;
  readonly #window = new Uint8Array(WINDOW);

  /** @param offset byte of the file at which the stream begins. */
  constructor(source: ByteSource, offset = 0) {
    super(source.name);
    this.#source = source;
    this.seek(offset);
  }

  /** Bytes of the file. */
  get size(): number {
    return this.#source.size;
  }

  /** What `reading` reads. @throws WireError `protocol` if the file ends inside it; MultifdError `io`. */
  run<T>(reading: Reading<T>): T {
    for (;;) {
      const { done, value } = reading.next();
      if (done) return value;
      this.#more();
    }
  }

  /** The records of `steps`, each valid until the next. @throws as `run`. */
  *records(steps: Steps): Generator<MainRecord, void, unknown> {
    for (const record of steps) {
      if (record === undefined) this.#more();
      else yield record;
    }
  }

  /** Exactly `size` bytes, the caller's own: however many are asked for, memory is taken for what is there. */
  copy(size: number, field: string): Uint8Array {
    this.field = field;
    this.start = this.offset;
    const left = this.size - this.offset;
    if (size > left) throw this.fault(`${size} bytes`, `${left}: the file ends here`);
    const bytes = new Uint8Array(size);
    this.#source.read(this.offset, bytes);
    this.seek(this.offset + size);
    return bytes;
  }

  #more(): void {
    this.stash();
    const at = this.offset + this.pending;
    const size = Math.min(WINDOW, this.size - at);
    if (size <= 0) throw this.ended('the file ends here');
    const bytes = this.#window.subarray(0, size);
    this.#source.read(at, bytes);
    this.feed(bytes);
  }
}
