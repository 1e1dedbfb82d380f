import { closeSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { listExtents, walk } from '../../src/images/extents.js';
import { loadHoleSeeker } from '../../src/images/seek.js';
import { content, writeSparse } from '../helpers/images.js';
import { tempDirectory } from '../helpers/temp.js';

const PAGE = 4096;
const MIB = 2 ** 20;
const seek = loadHoleSeeker();

describe('extents', () => {
  /** A file system with blocks of 512 bytes that has data in [start, end) pairs. */
  const fake = (...pairs: number[]) => ({
    nextData: (_fd: number, offset: number) => {
      for (let at = 0; at < pairs.length; at += 2) {
        if (offset < (pairs[at + 1] ?? 0)) return Math.max(offset, pairs[at] ?? 0);
      }
      return undefined;
    },
    nextHole: (_fd: number, offset: number) => {
      for (let at = 0; at < pairs.length; at += 2) {
        if (offset >= (pairs[at] ?? 0) && offset < (pairs[at + 1] ?? 0)) return pairs[at + 1] ?? 0;
      }
      return offset;
    },
  });

  it('are cut to whole pages and joined', () => {
    expect([...walk(fake(512, 1024, 2048, 4608, 16_384, 16_896), 0, 10 * PAGE, PAGE)]).toEqual([
      0, 8192, 16_384, 20_480,
    ]);
    expect([...walk(fake(), 0, 10 * PAGE, PAGE)]).toEqual([]);
    expect([...walk(fake(0, 10 * PAGE), 0, 10 * PAGE, PAGE)]).toEqual([0, 10 * PAGE]);
  });

  it.runIf(seek.ok)("cover a sparse file's data and little else", async () => {
    const path = join(tempDirectory(), 'sparse');
    writeSparse(path, 64 * MIB, [
      { at: 5 * MIB, bytes: content(PAGE, 1) },
      { at: 63 * MIB, bytes: content(MIB, 2) },
    ]);
    const fd = openSync(path, 'r');
    const { extents = new Float64Array() } = await listExtents(fd, 64 * MIB, PAGE);
    closeSync(fd);
    let size = 0;
    for (let at = 0; at < extents.length; at += 2) size += (extents[at + 1] ?? 0) - (extents[at] ?? 0);
    expect(size).toBeGreaterThanOrEqual(MIB + PAGE);
    expect(size).toBeLessThan(4 * MIB);
  });
});
