import { describe, expect, it } from 'vitest';
import { pageWindows } from '../../src/methods/page-windows.js';
import { openMemoryBlock } from '../../src/ram/memory-block.js';

const PAGE = 4096;
const SEGMENT = 4 * PAGE;

/** A block of 10 pages in segments of 4, 4 and 2. */
function block() {
  const segments = [SEGMENT, SEGMENT, 2 * PAGE].map((size) => new SharedArrayBuffer(size));
  return openMemoryBlock({ kind: 'memory', name: 'ram', length: 10 * PAGE, segmentSize: SEGMENT, segments });
}

function incoming(ram: ReturnType<typeof block>, pages: readonly number[], count = pages.length) {
  return { block: ram, offsets: Float64Array.from(pages, (page) => page * PAGE), count, payloadSize: 0 };
}

describe('pageWindows', () => {
  it.each([
    { what: 'one page', pages: [3], lengths: [1] },
    { what: 'neighbours', pages: [0, 1, 2], lengths: [3] },
    { what: 'pages apart', pages: [0, 2, 3], lengths: [1, 2] },
    { what: 'a segment edge', pages: [2, 3, 4, 5], lengths: [2, 2] },
    { what: 'every page', pages: [0, 1, 2, 3, 4, 5, 6, 7, 8, 9], lengths: [4, 4, 2] },
    { what: 'backwards', pages: [5, 4, 3], lengths: [1, 1, 1] },
    { what: 'a page twice', pages: [1, 1, 2], lengths: [1, 2] },
  ])('$what', ({ pages, lengths }) => {
    const ram = block();
    const windows = pageWindows(incoming(ram, pages), PAGE);
    expect(windows.map((window) => window.length / PAGE)).toEqual(lengths);
    // Filled in order, each page gets what its place in the packet says.
    let index = 0;
    for (const window of windows) {
      for (let at = 0; at < window.length; at += PAGE) window.fill(++index, at, at + PAGE);
    }
    const expected = Array.from({ length: 10 }, (_, page) => pages.lastIndexOf(page) + 1);
    const seen = expected.map((_, page) => [...new Set(ram.window(page * PAGE, PAGE))]);
    expect(seen).toEqual(expected.map((value) => [value]));
  });

  it('takes no more than the first pages', () => {
    expect(pageWindows(incoming(block(), [7, 8, 9], 1), PAGE).map(({ length }) => length)).toEqual([PAGE]);
  });

  it('there are none in a block that is not in place', () => {
    const ram = { ...block(), windowSize: SEGMENT, window: () => undefined };
    expect(() => pageWindows(incoming(ram, [0]), PAGE)).toThrow(/RAM block ram is not in place/);
  });
});
