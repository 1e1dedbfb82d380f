import { closeSync, constants, fstatSync, openSync, readSync, writeSync } from 'node:fs';
import { MultifdError } from '../errors.js';
import type { FileBlockDescriptor, RamBlock } from './block.js';

export function openFileBlock(descriptor: FileBlockDescriptor): RamBlock {
  return new FileBlock(descriptor);
}

const ZEROS = new Uint8Array(2 ** 20);

class FileBlock implements RamBlock {
  readonly name: string;
  readonly length: number;
  readonly windowSize = 2 ** 30;
  readonly inPlace = false;
  readonly #path: string;
  readonly #base: number;
  readonly #extents: Float64Array | undefined;
  readonly #isWritable: boolean;
  #fd: number | undefined;
  readonly #isLent: boolean;
  /** Index of the extent that `absent` found last: queries mostly ascend. */
  #near = 0;

  constructor(descriptor: FileBlockDescriptor) {
    this.name = descriptor.name;
    this.length = descriptor.length;
    this.#path = descriptor.path;
    this.#base = descriptor.fileOffset ?? 0;
    this.#extents = descriptor.extents;
    this.#isWritable = descriptor.writable;
    this.#isLent = descriptor.fd !== undefined;
    this.#fd =
      descriptor.fd ??
      this.#attempt('open', () =>
        openSync(descriptor.path, descriptor.writable ? constants.O_RDWR : constants.O_RDONLY),
      );
  }

  /**
   * Of a block that is only read: zeros between the extents. What a file has there is not RAM: QEMU's mapped-ram leaves
   * a page that has become zero as it was.
   */
  read(offset: number, length: number, scratch: Uint8Array): Uint8Array {
    const target = scratch.subarray(0, length);
    for (let done = 0; done < length; ) {
      const run = this.#isWritable ? done - length : this.absent(offset + done, length - done);
      if (run > 0) target.fill(0, done, done + run);
      else this.#readInto(target.subarray(done, done - run), offset + done);
      done += Math.abs(run);
    }
    return target;
  }

  #readInto(target: Uint8Array, offset: number): void {
    const { length } = target;
    for (let done = 0; done < length; ) {
      const count = this.#attempt('read', () =>
        readSync(this.#open(), target, done, length - done, this.#base + offset + done),
      );
      if (count === 0) {
        throw new MultifdError(
          'io',
          `RAM block ${this.name}: ${this.#path} ends at byte ${fstatSync(this.#open()).size}`,
          {
            hint: 'the image became shorter while it was read; nobody else may write to it',
          },
        );
      }
      done += count;
    }
  }

  window(): undefined {
    return undefined;
  }

  write(offset: number, bytes: Uint8Array): void {
    for (let done = 0; done < bytes.length; ) {
      done += this.#attempt('write', () =>
        writeSync(this.#open(), bytes, done, bytes.length - done, this.#base + offset + done),
      );
    }
  }

  zero(offset: number, length: number): void {
    for (let done = 0; done < length; ) {
      const step = Math.min(length - done, ZEROS.length);
      this.write(offset + done, ZEROS.subarray(0, step));
      done += step;
    }
  }

  absent(offset: number, length: number): number {
    const extents = this.#extents;
    if (extents === undefined) return -length;
    const count = extents.length / 2;
    let index = this.#near;
    const isBefore = index > 0 && (extents[2 * index - 1] ?? 0) > offset;
    // A step or two on, mostly. Whoever reads behind questions goes back for each read: not from the first extent on.
    if (isBefore) index = extentBehind(extents, offset);
    else while (index < count && (extents[2 * index + 1] ?? 0) <= offset) index++;
    this.#near = index;
    if (index === count) return length;
    const start = extents[2 * index] ?? 0;
    const end = extents[2 * index + 1] ?? 0;
    return start > offset ? Math.min(length, start - offset) : -Math.min(length, end - offset);
  }

  close(): void {
    if (this.#fd === undefined) return;
    if (!this.#isLent) closeSync(this.#fd);
    this.#fd = undefined;
  }

  #open(): number {
    if (this.#fd === undefined) throw new MultifdError('internal', `RAM block ${this.name} is closed`);
    return this.#fd;
  }

  #attempt<T>(what: string, call: () => T): T {
    try {
      return call();
    } catch (cause) {
      if (MultifdError.is(cause)) throw cause;
      throw MultifdError.from(cause, 'io', `RAM block ${this.name}: cannot ${what} ${this.#path}`);
    }
  }
}

/** The first extent that ends behind `offset`; their number if none does. */
function extentBehind(extents: Float64Array, offset: number): number {
  let low = 0;
  let high = extents.length / 2;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((extents[2 * middle + 1] ?? 0) > offset) high = middle;
    else low = middle + 1;
  }
  return low;
}
