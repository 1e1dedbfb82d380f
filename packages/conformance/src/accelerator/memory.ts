import assert from 'node:assert/strict';

/** The definition, as plainly as it can be written: a page is zero exactly if every one of its bytes is 0. */
export function everyByteIsZero(memory: Uint8Array, offset: number, pageSize: number): boolean {
  for (let i = 0; i < pageSize; i++) if (memory[offset + i] !== 0) return false;
  return true;
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
