/** What the guest computes. Each step depends only on its number, so memory can be checked wherever the guest has gone. */
export const PAGE_SIZE = 4096;

/** The page, of `pages`, that step `step` writes. */
export function pageOf(step: number, pages: number): number {
  return (Math.imul(step + 1, 0x9e3779b1) >>> 8) % pages;
}

/** Writes what step `step` leaves in its page: zeros every fourth time. */
export function write(page: Uint8Array, step: number): void {
  if (step % 4 === 0) page.fill(0);
  else page.fill(1 + (step % 255));
}

/** @returns the numbers of the pages that do not hold what the first `steps` steps leave there. */
export function differences(memory: (page: number) => Uint8Array, pages: number, steps: number): number[] {
  const last = new Int32Array(pages).fill(-1);
  for (let step = 0; step < steps; step++) last[pageOf(step, pages)] = step;
  const expected = Buffer.alloc(PAGE_SIZE);
  const wrong: number[] = [];
  last.forEach((step, page) => {
    expected.fill(0);
    if (step !== -1) write(expected, step);
    if (expected.compare(memory(page)) !== 0) wrong.push(page);
  });
  return wrong;
}
