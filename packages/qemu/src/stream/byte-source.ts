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
  constructor(path: string, fd = open(path)) {
    this.name = path;
    this.#fd = fd;
    const stat = fstatSync(this.#fd);
    if (!stat.isFile()) {
      closeSync(this.#fd);
      throw new MultifdError('io', `${path}: not a plain file`);
    }
    this.size = stat.size;
  }

  /** An open file, which `close` closes. @param name for messages. */
  static ofDescriptor(name: string, fd: number): FileSource {
    return new FileSource(name, fd);
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

  /** Bytes that it takes on the disk. */
  get allocated(): number {
    return fstatSync(this.#fd).blocks * 512;
  }

  close(): void {
    closeSync(this.#fd);
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

function open(path: string): number {
  try {
    return openSync(path, 'r');
  } catch (cause) {
    throw MultifdError.from(cause, 'io', `cannot open ${path}`);
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
