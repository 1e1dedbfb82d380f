import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { MultifdError } from '@multifd/core';

/** Bytes that can be read anywhere: a file, or memory in tests. */
export interface ByteSource {
  /** For messages: the file's path. */
  readonly name: string;
  /** Bytes. */
  readonly size: number;
  /** Fills `target` from byte `offset` on; both ends lie within `size`. @throws MultifdError `io`. */
  read(offset: number, target: Uint8Array): void;
}

/** A file, open until `close`. */
export class FileSource implements ByteSource {
  readonly name: string;
  readonly size: number;
  readonly #fd: number;

  /** @throws MultifdError `io` if it cannot be opened or is no plain file. */
  constructor(path: string) {
    this.name = path;
    try {
      this.#fd = openSync(path, 'r');
    } catch (cause) {
      throw MultifdError.from(cause, 'io', `cannot open ${path}`);
    }
    const stat = fstatSync(this.#fd);
    if (!stat.isFile()) {
      closeSync(this.#fd);
      throw new MultifdError('io', `${path}: not a plain file`);
    }
    this.size = stat.size;
  }

  read(offset: number, target: Uint8Array): void {
    for (let done = 0; done < target.length; ) {
      let count: number;
      try {
        count = readSync(this.#fd, target, done, target.length - done, offset + done);
      } catch (cause) {
        throw MultifdError.from(cause, 'io', `cannot read ${this.name}`);
      }
      if (count === 0) throw new MultifdError('io', `${this.name}: became shorter while it was read`);
      done += count;
    }
  }

  close(): void {
    closeSync(this.#fd);
  }
}

/** Bytes in memory. */
export class MemorySource implements ByteSource {
  readonly name = 'memory';
  readonly #bytes: Uint8Array;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  get size(): number {
    return this.#bytes.length;
  }

  read(offset: number, target: Uint8Array): void {
    target.set(this.#bytes.subarray(offset, offset + target.length));
  }
}
