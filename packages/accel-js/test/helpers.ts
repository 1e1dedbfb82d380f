import type { Detector } from '@multifd/core/accelerator';
import { accelerators } from '../src/index.js';

export const [js] = accelerators;

export function openDetector(pageSize: number): Promise<Detector> {
  return Promise.resolve(js.open({ pageSize, settings: {} }));
}

/** The definition, as plainly as it can be written. */
export function everyByteIsZero(memory: Uint8Array, offset: number, pageSize: number): boolean {
  for (let i = 0; i < pageSize; i++) if (memory[offset + i] !== 0) return false;
  return true;
}

/** Detects into an array that is prefilled with 7 and has room for `spare` entries too many. */
export async function detectAll(
  detector: Detector,
  memory: Uint8Array,
  offsets: readonly number[],
  spare = 0,
): Promise<number[]> {
  const isZero = new Uint8Array(offsets.length + spare).fill(7);
  const places = Float64Array.from([...offsets, ...Array<number>(spare).fill(0)]);
  await detector.detect({ memory, offsets: places, count: offsets.length }, isZero);
  return Array.from(isZero);
}

/** Of everything random here. Its test's name shows it; MULTIFD_SEED repeats a run. */
export const seed = Number(process.env.MULTIFD_SEED ?? Date.now() % 2 ** 32) >>> 0;

/** xorshift32: whole numbers from 0 to `below` - 1, the same for the same seed. */
export function randomNumbers(seed: number): (below: number) => number {
  let state = seed | 1;
  return (below) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % below;
  };
}
