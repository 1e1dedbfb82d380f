import { instantiate, PAGES_PER_CALL, type TwinName, type ZeroPages } from './twin.js';

/** Looks at pages where they are, in shared WebAssembly memory. One instance for each memory that it has met. */
export class InPlace {
  readonly #twin: TwinName;
  readonly #pageSize: number;
  readonly #instances = new WeakMap<WebAssembly.Memory, ZeroPages>();

  constructor(twin: TwinName, pageSize: number) {
    this.#twin = twin;
    this.#pageSize = pageSize;
  }

  /** @param base byte offset in `wasm` of what `offsets` count from. */
  detect(
    wasm: WebAssembly.Memory,
    base: number,
    offsets: Float64Array,
    count: number,
    isZero: Uint8Array,
  ): void {
    let zeroPages = this.#instances.get(wasm);
    if (zeroPages === undefined) {
      zeroPages = instantiate(this.#twin, wasm);
      this.#instances.set(wasm, zeroPages);
    }
    const pageSize = this.#pageSize;
    for (let done = 0; done < count; ) {
      const run = runLength(offsets, done, count, pageSize);
      const bits = zeroPages(base + (offsets[done] ?? 0), run, pageSize);
      for (let i = 0; i < run; i++) isZero[done + i] = (bits >>> i) & 1;
      done += run;
    }
  }
}

/** How many of the pages from `first` on lie one behind the other; as many as one call takes, at most. */
export function runLength(offsets: Float64Array, first: number, count: number, pageSize: number): number {
  const most = Math.min(PAGES_PER_CALL, count - first);
  const start = offsets[first] ?? 0;
  let run = 1;
  while (run < most && offsets[first + run] === start + run * pageSize) run++;
  return run;
}
