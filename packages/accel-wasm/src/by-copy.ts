import { runLength } from './in-place.js';
import { instantiate, type TwinName, type ZeroPages } from './twin.js';

/** Bytes that are copied between two looks: they are still in the second-level cache then. */
const CHUNK = 256 * 1024;

const WASM_PAGE_SIZE = 65536;

/** Copies pages into a WebAssembly memory of its own and looks at them there. */
export class ByCopy {
  readonly #pageSize: number;
  readonly #zeroPages: ZeroPages;
  readonly #copies: Uint8Array;

  constructor(twin: TwinName, pageSize: number) {
    const pages = CHUNK / WASM_PAGE_SIZE;
    const memory = new WebAssembly.Memory({ initial: pages, maximum: pages, shared: true });
    this.#pageSize = pageSize;
    this.#zeroPages = instantiate(twin, memory);
    this.#copies = new Uint8Array(memory.buffer);
  }

  detect(memory: Uint8Array, offsets: Float64Array, count: number, isZero: Uint8Array): void {
    const pageSize = this.#pageSize;
    for (let done = 0; done < count; ) {
      const start = offsets[done] ?? 0;
      // A quick look spares most used pages the copy.
      if (((memory[start] ?? 0) | (memory[start + 8] ?? 0) | (memory[start + 16] ?? 0)) !== 0) {
        isZero[done++] = 0;
        continue;
      }
      const run = Math.min(runLength(offsets, done, count, pageSize), CHUNK / pageSize);
      this.#copies.set(memory.subarray(start, start + run * pageSize));
      const bits = this.#zeroPages(0, run, pageSize);
      for (let i = 0; i < run; i++) isZero[done + i] = (bits >>> i) & 1;
      done += run;
    }
  }
}
