import { loadBinding } from './load.js';

/** Reads pages and decides nothing: the rate that no check of the same memory can pass. */
export type ReadPages = (
  memory: Uint8Array,
  offsets: Float64Array,
  count: number,
  scratch: Uint8Array,
) => void;

/**
 * The ceiling that benchmarks show beside a check, with the widest loads of this CPU.
 * @returns undefined where the addon is not there.
 */
export function plainRead(pageSize: number): ReadPages | undefined {
  const loaded = loadBinding();
  if (!('binding' in loaded)) return undefined;
  const widest = loaded.binding.kernels().find(({ lacks }) => lacks === undefined);
  if (widest === undefined) return undefined;
  const checker = new loaded.binding.Checker(widest.name, pageSize);
  return (memory, offsets, count, scratch) => checker.read(memory, offsets, count, scratch);
}
