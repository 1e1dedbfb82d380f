import { readFileSync } from 'node:fs';

/** The two builds of the same check: `assembly/simd.ts` and `assembly/scalar.ts`. */
export type TwinName = 'simd' | 'scalar';

/**
 * Looks at 1 to 32 pages, one behind the other from byte `first` of the instance's memory on. Bit `i` of the result
 * says that page `i` is zero. @throws RuntimeError for pages that are not all in memory.
 */
export type ZeroPages = (first: number, count: number, pageSize: number) => number;

/** Most pages that one call looks at. */
export const PAGES_PER_CALL = 32;

/** A twin's code. What the package's build has made of it lies beside `src` and `dist`. */
export function readTwin(name: TwinName): Uint8Array {
  return readFileSync(new URL(`../wasm/${name}.wasm`, import.meta.url));
}

const modules = new Map<TwinName, WebAssembly.Module>();

/** One instance over one memory; it belongs to the thread that made it. The code is compiled once in each thread. */
export function instantiate(name: TwinName, memory: WebAssembly.Memory): ZeroPages {
  const module = modules.get(name) ?? new WebAssembly.Module(readTwin(name));
  modules.set(name, module);
  const { zeroPages } = new WebAssembly.Instance(module, { env: { memory } }).exports;
  if (!isZeroPages(zeroPages)) throw new Error(`accel-wasm: ${name}.wasm exports no zeroPages`);
  return zeroPages;
}

function isZeroPages(value: unknown): value is ZeroPages {
  return typeof value === 'function';
}
