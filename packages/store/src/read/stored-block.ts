import type { RamBlock } from '@multifd/core/host';
import { MultifdError } from '@multifd/core/ram';
import { CHUNK_SIZE } from '../format/layout.js';
import type { ChunkRuns } from '../format/runs.js';
import type { ChunkReader } from './chunk-reader.js';

/** A RAM block in a snapshot, for reading: its zero chunks are absent. */
export class StoredBlock implements RamBlock {
  readonly name: string;
  readonly length: number;
  readonly windowSize = 2 ** 30;
  readonly inPlace = false;
  readonly #reader: ChunkReader;
  readonly #block: number;
  readonly #runs: ChunkRuns;
  readonly #closed: () => void;
  /** The run that was asked for last: questions mostly ascend. */
  #near = 0;
  #isOpen = true;

  /** @param closed is called once. */
  constructor(
    { name, size }: { readonly name: string; readonly size: number },
    block: number,
    runs: ChunkRuns,
    reader: ChunkReader,
    closed: () => void,
  ) {
    this.name = name;
    this.length = size;
    this.#block = block;
    this.#runs = runs;
    this.#reader = reader;
    this.#closed = closed;
  }

  read(offset: number, length: number, scratch: Uint8Array): Uint8Array {
    if (!this.#isOpen) throw new MultifdError('internal', `RAM block ${this.name} is closed`);
    const target = scratch.subarray(0, length);
    this.#reader.read(this.#block, offset, target);
    return target;
  }

  window(): undefined {
    return undefined;
  }

  write(): void {
    throw this.#readOnly();
  }

  zero(): void {
    throw this.#readOnly();
  }

  absent(offset: number, length: number): number {
    const chunk = Math.floor(offset / CHUNK_SIZE);
    let run = this.#runs.run(this.#near);
    if (chunk < run.start || chunk >= run.end) {
      this.#near = this.#runs.runOf(chunk);
      run = this.#runs.run(this.#near);
    }
    const isZero = run.pack === 0;
    let last = this.#near;
    // Neighbours of the same kind, as far as they are asked for.
    while (run.end * CHUNK_SIZE < offset + length && last + 1 < this.#runs.runs) {
      const next = this.#runs.run(last + 1);
      if ((next.pack === 0) !== isZero) break;
      run = next;
      last++;
    }
    const count = Math.min(length, run.end * CHUNK_SIZE - offset);
    return isZero ? count : -count;
  }

  close(): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    this.#closed();
  }

  #readOnly(): MultifdError {
    return new MultifdError('usage', `RAM block ${this.name}: a snapshot cannot be written to`);
  }
}
