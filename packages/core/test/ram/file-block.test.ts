import { mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { openFileBlock } from '../../src/ram/file-block.js';

const PAGE = 4096;
const folder = mkdtempSync(join(tmpdir(), 'multifd-file-block-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** A file full of `s` (stale), where only `extents` are RAM. */
function stale(pages: number, extents: readonly number[], writable: boolean) {
  const path = join(folder, 'ram');
  writeFileSync(path, Buffer.alloc(pages * PAGE, 's'));
  const length = pages * PAGE;
  return openFileBlock({
    kind: 'file',
    name: 'ram',
    length,
    path,
    writable,
    extents: Float64Array.from(extents),
  });
}

it.each([
  ['before, between and behind extents', 0, 6 * PAGE],
  ['a part of each', PAGE + 1, 3 * PAGE],
  ['nothing but what is absent', 2 * PAGE, PAGE],
  ['nothing', PAGE, 0],
])('what lies outside the extents is zero, whatever the file has there: %s', (_, offset, length) => {
  const block = stale(6, [PAGE, 2 * PAGE, 3 * PAGE, 4 * PAGE + 100], false);
  const scratch = Buffer.alloc(6 * PAGE, 'x');
  const read = Buffer.from(block.read(offset, length, scratch));
  block.close();
  const right = Buffer.alloc(6 * PAGE);
  right.fill('s', PAGE, 2 * PAGE).fill('s', 3 * PAGE, 4 * PAGE + 100);
  expect(read.equals(right.subarray(offset, offset + length))).toBe(true);
  expect(scratch.subarray(length).every((byte) => byte === 'x'.charCodeAt(0))).toBe(true);
});

it('a block that may be written to is read as it is', () => {
  const block = stale(2, [0, PAGE], true);
  expect(block.read(0, 2 * PAGE, Buffer.alloc(2 * PAGE)).every((byte) => byte === 's'.charCodeAt(0))).toBe(
    true,
  );
  block.close();
});

it('a sender, which asks for a range and then reads its extents, does not look through all of them each time', () => {
  const pages = 8192;
  const path = join(folder, 'many');
  writeFileSync(path, '');
  truncateSync(path, pages * PAGE);
  let looks = 0;
  // Every other page.
  const extents = new Proxy(
    Float64Array.from({ length: pages }, (_, at) => at * PAGE),
    {
      get(target, key): unknown {
        looks++;
        return Reflect.get(target, key);
      },
    },
  );
  const block = openFileBlock({
    kind: 'file',
    name: 'ram',
    length: pages * PAGE,
    path,
    writable: false,
    extents,
  });
  const scratch = new Uint8Array(PAGE);
  for (let page = 0; page < pages; page++) {
    const isAbsent = page % 2 === 1;
    expect(block.absent(page * PAGE, PAGE)).toBe(isAbsent ? PAGE : -PAGE);
    // The page before was asked for a moment ago.
    if (isAbsent) block.read((page - 1) * PAGE, PAGE, scratch);
  }
  block.close();
  // Thousands, if it began with the first extent.
  expect(looks / pages).toBeLessThan(100);
});
