import { type MemoryBacking, MultifdError, type RamBlock } from '@multifd/core/host';
import type { NativeMemory } from './binding.js';
import { HugeRanges } from './huge-ranges.js';
import { attempt } from './native-error.js';
import { viewOf } from './views.js';

/** Bytes. Within it, offsets fit V8's small integers. */
export const WINDOW_SIZE = 2 ** 30;

/** A mapping as one thread has it open. */
export class MappedBlock implements RamBlock {
  readonly name: string;
  readonly length: number;
  readonly windowSize = WINDOW_SIZE;
  readonly inPlace = true;
  readonly #number: number;
  #memory: NativeMemory | undefined;
  readonly #huge: HugeRanges | undefined;
  /** This thread's views of the windows that were asked for. */
  readonly #windows: (Uint8Array | undefined)[] = [];

  readonly backing?: MemoryBacking;

  constructor(
    name: string,
    length: number,
    number: number,
    memory: NativeMemory,
    backing: MemoryBacking | undefined,
  ) {
    if (backing !== undefined) this.backing = backing;
    this.name = name;
    this.length = length;
    this.#number = number;
    this.#memory = memory;
    this.#huge = memory.canAsk() ? new HugeRanges(length) : undefined;
  }

  read(offset: number, length: number): Uint8Array {
    return this.window(offset, length);
  }

  window(offset: number, length: number): Uint8Array {
    const index = Math.floor(offset / WINDOW_SIZE);
    const within = offset - index * WINDOW_SIZE;
    if (!(offset >= 0) || offset + length > this.length || within + length > WINDOW_SIZE) {
      throw new MultifdError('internal', `RAM block ${this.name}: no window of ${length} bytes at ${offset}`);
    }
    const window = this.#windows[index] ?? this.#map(index);
    return window.subarray(within, within + length);
  }

  write(offset: number, bytes: Uint8Array): void {
    for (let done = 0; done < bytes.length; ) {
      const step = Math.min(bytes.length - done, WINDOW_SIZE - ((offset + done) % WINDOW_SIZE));
      this.window(offset + done, step).set(bytes.subarray(done, done + step));
      done += step;
    }
  }

  zero(offset: number, length: number): void {
    const memory = this.#open();
    attempt(() => memory.zero(offset, length));
  }

  announce(offsets: Float64Array, count: number, pageSize: number): void {
    const range = this.#huge?.find(offsets, count, pageSize);
    if (range === undefined) return;
    const memory = this.#open();
    attempt(() => memory.askHuge(range));
  }

  absent(offset: number, length: number): number {
    const memory = this.#open();
    return attempt(() => memory.absent(offset, length));
  }

  intact(): void {
    const memory = this.#open();
    attempt(() => memory.intact());
  }

  close(): void {
    this.#memory?.close();
    this.#memory = undefined;
    this.#windows.length = 0;
  }

  #map(index: number): Uint8Array {
    const memory = this.#open();
    const start = index * WINDOW_SIZE;
    const length = Math.min(WINDOW_SIZE, this.length - start);
    const window = attempt(() => viewOf(this.#number, memory, start, length), `RAM block ${this.name}`);
    this.#windows[index] = window;
    return window;
  }

  #open(): NativeMemory {
    if (this.#memory === undefined) throw new MultifdError('internal', `RAM block ${this.name} is closed`);
    return this.#memory;
  }
}
