/** Accelerators that are right as long as nobody writes to memory. */
import type { Accelerator } from '@multifd/core/accelerator';
import { accelerator, rightAnswer } from './make.js';

const zeros = Buffer.alloc(2 ** 20);

/** One compare for pages that follow each other; see packages/accel-js/src/kernel.ts. */
const comparesRuns = (
  name: string,
  isZeroRun: (memory: Uint8Array, from: number, to: number) => boolean,
  { longest = 8, shortest = 1, onlyInWasm = false } = {},
) =>
  accelerator(name, (pageSize) => ({
    detect({ memory, offsets, count, wasmMemory }, isZero) {
      const careless = wasmMemory !== undefined || !onlyInWasm;
      for (let first = 0, next = 0; first < count; first = next) {
        const start = offsets[first] ?? 0;
        next = first + 1;
        while (next < count && offsets[next] === start + (next - first) * pageSize && next - first < longest)
          next++;
        if (
          careless &&
          next - first >= shortest &&
          isZeroRun(memory, start, start + (next - first) * pageSize)
        )
          isZero.fill(1, first, next);
        else
          for (let i = first; i < next; i++)
            isZero[i] = rightAnswer(memory, offsets[i] ?? 0, pageSize) ? 1 : 0;
      }
    },
    close() {},
  }));

export const racing: readonly Accelerator[] = [
  // What libc's memcmp does: it finds a difference, and reads that place again to tell its sign.
  comparesRuns('looks-twice-over-a-run', looksTwice),
  comparesRuns('looks-twice-over-a-long-run', looksTwice, { shortest: 16, longest: 64 }),
  comparesRuns('looks-twice-over-a-run-in-wasm', looksTwice, { onlyInWasm: true }),
];

function looksTwice(memory: Uint8Array, from: number, to: number): boolean {
  for (let at = from; at < to; at++) if (memory[at] !== 0) return againAfterAMoment(memory, at) === 0;
  return true;
}

/** Atomic, or the compiler would make one look of the two. */
function againAfterAMoment(memory: Uint8Array, at: number): number {
  for (let moment = 0; moment < 50; moment++) Atomics.load(memory, at);
  return Atomics.load(memory, at);
}

/** The real thing. Whether it goes wrong depends on the C library and the CPU. */
export const memcmpRuns = comparesRuns(
  'memcmp-over-a-run',
  (memory, from, to) => zeros.compare(memory, from, to, 0, to - from) === 0,
);
