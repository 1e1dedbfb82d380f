import assert from 'node:assert/strict';
import type { PageBatch } from '@multifd/core/accelerator';

/** The definition, as plainly as it can be written: a page is zero exactly if every one of its bytes is 0. */
export function everyByteIsZero(memory: Uint8Array, offset: number, pageSize: number): boolean {
  for (let i = 0; i < pageSize; i++) if (memory[offset + i] !== 0) return false;
  return true;
}

/** Memory that holds pages, as a batch has it. */
export type GuestMemory = Pick<PageBatch, 'memory' | 'wasmMemory'>;

/** Where a case keeps its pages: `in` is what its name says of it. */
export interface Place {
  readonly in: string;
  /** `count` pages, all zero. */
  allocate(count: number, pageSize: number): GuestMemory;
}

/** A check in WebAssembly takes another way with memory of its own kind, so that both have to be tried. */
export const PLACES: readonly Place[] = [
  { in: '', allocate: (count, pageSize) => ({ memory: sharedPages(count, pageSize) }) },
  { in: ', in WebAssembly memory', allocate: wasmPages },
];

const WASM_PAGE_SIZE = 65536;

/** `count` pages in a WebAssembly memory, not at its start. */
export function wasmPages(count: number, pageSize: number): Required<GuestMemory> {
  const start = 4096;
  const wasmMemory = sharedWasmMemory(start + count * pageSize);
  return { memory: new Uint8Array(wasmMemory.buffer, start, count * pageSize), wasmMemory };
}

/** Of `bytes` or a little more, as it cannot grow. */
export function sharedWasmMemory(bytes: number): NonNullable<PageBatch['wasmMemory']> {
  const pages = Math.ceil(bytes / WASM_PAGE_SIZE);
  return new WebAssembly.Memory({ initial: pages, maximum: pages, shared: true });
}

/** `count` pages of shared memory, all zero. */
export function sharedPages(count: number, pageSize: number): Uint8Array {
  return new Uint8Array(new SharedArrayBuffer(count * pageSize));
}

/** Offsets of `count` pages, one behind the other. */
export function pageOffsets(count: number, pageSize: number): number[] {
  return Array.from({ length: count }, (_, page) => page * pageSize);
}

/** Says which pages are wrong, the first few of them, and not thousands of numbers. */
export function assertAnswers(
  got: readonly number[],
  wanted: readonly number[],
  what: (index: number) => string,
): void {
  assert.equal(got.length, wanted.length, 'answers');
  const wrong = got.flatMap((answer, index) => (answer === wanted[index] ? [] : [index]));
  const told = wrong
    .slice(0, 5)
    .map((index) => `${what(index)}: answered ${got[index]}, is ${wanted[index]}`);
  assert.equal(
    wrong.length,
    0,
    `${wrong.length} of ${got.length} answers are wrong (1 is zero): ${told.join('; ')}`,
  );
}
