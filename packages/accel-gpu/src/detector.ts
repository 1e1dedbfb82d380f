import type { Detector, DetectorCounters, PageBatch } from '@multifd/core/accelerator';
import { gather } from './gather.js';
import type { Line } from './line.js';
import { type KernelChoice, SLOT_BYTES } from './protocol.js';
import { cut, type Piece } from './requests.js';

/** Asks the thread that has the device, over a line of its own; several batches at a time. */
export class GpuDetector implements Detector {
  readonly #line: Line;
  readonly #kernel: KernelChoice;
  readonly #pageSize: number;
  /** Pages that the device answered, and ms that batches were with it. */
  #device = 0;
  #deviceTime = 0;
  /** Copies of pages of memory that is not shared, to be used again. */
  readonly #copies: Uint8Array<SharedArrayBuffer>[] = [];

  constructor(line: Line, kernel: KernelChoice, pageSize: number) {
    this.#line = line;
    this.#kernel = kernel;
    this.#pageSize = pageSize;
  }

  async detect({ memory, offsets, count }: PageBatch, isZero: Uint8Array): Promise<void> {
    const pieces = cut(offsets, count, this.#pageSize, memory.length, SLOT_BYTES / this.#pageSize);
    const { buffer } = memory;
    const ask =
      buffer instanceof SharedArrayBuffer
        ? (piece: Piece) => this.#inPlace(buffer, memory.byteOffset, piece, isZero)
        : (piece: Piece) => this.#byCopy(memory, piece, isZero);
    const began = performance.now();
    // All of them are waited for, also when one fails: until then the device may read the caller's memory.
    const done = await Promise.allSettled(pieces.map(ask));
    for (const each of done) if (each.status === 'rejected') throw each.reason;
    this.#device += count;
    this.#deviceTime += performance.now() - began;
  }

  /** Its driver tells neither of faults, which it does not survive, nor of full queues, where it waits. */
  counters(): DetectorCounters {
    return {
      device: this.#device,
      cpuAfterFault: 0,
      queueFullRetries: 0,
      deviceTime: this.#deviceTime,
    };
  }

  close(): void {
    this.#line.close();
  }

  /** @param base byte offset in `memory` of what the runs count from. */
  async #inPlace(memory: SharedArrayBuffer, base: number, piece: Piece, isZero: Uint8Array): Promise<void> {
    const { first, count } = piece;
    const runs = piece.runs.map((value, index) => (index % 2 === 0 ? base + value : value));
    const used = await this.#line.check({ kernel: this.#kernel, pageSize: this.#pageSize, memory, runs });
    for (let page = 0; page < count; page++) {
      isZero[first + page] = 1 - (((used[page >>> 5] ?? 0xffff_ffff) >>> (page & 31)) & 1);
    }
  }

  /** Another thread can be shown shared memory only. */
  async #byCopy(memory: Uint8Array, piece: Piece, isZero: Uint8Array): Promise<void> {
    const copy = this.#takeCopy(piece.count * this.#pageSize);
    gather({ ...piece, memory, pageSize: this.#pageSize }, copy);
    try {
      await this.#inPlace(copy.buffer, 0, { ...piece, runs: Float64Array.of(0, piece.count) }, isZero);
    } finally {
      this.#copies.push(copy);
    }
  }

  #takeCopy(bytes: number): Uint8Array<SharedArrayBuffer> {
    const found = this.#copies.findIndex(({ length }) => length >= bytes);
    const [copy] = found < 0 ? [] : this.#copies.splice(found, 1);
    if (copy !== undefined) return copy;
    const length = Math.min(SLOT_BYTES, 2 ** Math.ceil(Math.log2(Math.max(bytes, 2 ** 20))));
    return new Uint8Array(new SharedArrayBuffer(length));
  }
}
