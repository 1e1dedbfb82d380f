import { describe, expect, it } from 'vitest';
import { RANGE_SIZE, RangeTable } from '../../src/ram/ranges.js';

const GIB = 2 ** 30;

describe('RangeTable', () => {
  it.each([
    { name: 'one page', lengths: [4096] },
    { name: 'one range', lengths: [RANGE_SIZE] },
    { name: 'a page more', lengths: [RANGE_SIZE + 4096] },
    { name: 'several, odd ends', lengths: [3 * RANGE_SIZE + 65536, 4096, RANGE_SIZE, 2 * RANGE_SIZE - 4096] },
    { name: '128 GiB and a bit', lengths: [128 * GIB + 4096, 128 * GIB] },
  ])('covers every byte once and in order: $name', ({ lengths }) => {
    const table = new RangeTable(lengths.map((length) => ({ length })));
    let block = 0;
    let offset = 0;
    for (let index = 0; index < table.count; index++) {
      const range = table.at(index);
      if (offset === lengths[block]) {
        block++;
        offset = 0;
      }
      if (range.block !== block || range.offset !== offset) expect(range).toMatchObject({ block, offset });
      if (range.length < 1 || range.length > RANGE_SIZE) expect(range.length).toBe(RANGE_SIZE);
      offset += range.length;
    }
    expect({ block, offset }).toEqual({ block: lengths.length - 1, offset: lengths.at(-1) });
  });

  it('has exact offsets beyond 4 GiB', () => {
    const table = new RangeTable([{ length: 4096 }, { length: 128 * GIB + 4096 }]);
    expect(table.count).toBe(1 + 32768 + 1);
    expect(table.at(table.count - 1)).toEqual({ block: 1, offset: 128 * GIB, length: 4096 });
    expect(table.at(1 + 1025)).toEqual({ block: 1, offset: 1025 * RANGE_SIZE, length: RANGE_SIZE });
  });

  it('has no ranges without RAM', () => {
    expect(new RangeTable([]).count).toBe(0);
  });
});
