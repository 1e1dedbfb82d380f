import type { Upload } from './gpu/kernel.js';

/** Runs shorter than this many bytes on average are copied together first: a transfer of each would cost more. */
const SHORT_RUN = 64 * 1024;

/** Whether an upload's pages lie too scattered to be worth a transfer for each run. */
export function isScattered({ runs, count, pageSize }: Upload): boolean {
  return (count * pageSize) / (runs.length / 2) < SHORT_RUN;
}

/**
 * Bytes [start, start + bytes) of `memory`.
 * @throws RangeError if they are not all there: what was on the device before would be looked at in their place.
 */
export function run(memory: Uint8Array, start: number, bytes: number): Uint8Array {
  const found = memory.subarray(start, start + bytes);
  if (found.length !== bytes) throw new RangeError(`no ${bytes} bytes at ${start} of ${memory.length}`);
  return found;
}

/** Copies an upload's pages to the front of `target`, one behind the other. */
export function gather({ memory, runs, pageSize }: Upload, target: Uint8Array): void {
  let at = 0;
  for (let index = 0; index < runs.length; index += 2) {
    const start = runs[index] ?? 0;
    const bytes = (runs[index + 1] ?? 0) * pageSize;
    target.set(run(memory, start, bytes), at);
    at += bytes;
  }
}
