import { DirtyBitmap, type HostBlockDescriptor } from '@multifd/core';
import { testSeed } from '@multifd/testing/random';
import { describe, expect, test } from 'vitest';
import { chooseTracker, type TrackerKind, type WriteTracker } from '../src/index.js';
import { built } from './support/addon.js';
import { MIB, optionsOf } from './support/memory.js';
import { checkTracker } from './support/tracker-suite.js';

const real = (blocks: readonly HostBlockDescriptor[], kind: TrackerKind): WriteTracker =>
  chooseTracker({ blocks, pageSize: 4096, kind }).tracker;

/** A tracker that does to the bitmaps what `sync` says, with what `inner` reports. */
function broken(
  inner: WriteTracker,
  sync: (dirty: readonly DirtyBitmap[], report: () => DirtyBitmap[]) => void,
): WriteTracker {
  return {
    kind: inner.kind,
    blocks: inner.blocks,
    sync: (dirty) =>
      sync(dirty, () => {
        const fresh = dirty.map(({ pages }) => DirtyBitmap.allocate(pages));
        inner.sync(fresh);
        return fresh;
      }),
    close: () => inner.close(),
  };
}

function merge(
  into: readonly DirtyBitmap[],
  from: readonly DirtyBitmap[],
  keep = (_page: number) => true,
): void {
  for (const [index, bitmap] of from.entries()) {
    for (let page = 0; page < bitmap.pages; page++)
      if (bitmap.has(page) && keep(page)) into[index]?.mark(page);
  }
}

const BROKEN: Record<string, (blocks: readonly HostBlockDescriptor[]) => WriteTracker> = {
  'says nothing': (blocks) => broken(real(blocks, 'uffd'), () => {}),
  'forgets one page': (blocks) =>
    broken(real(blocks, 'uffd'), (dirty, report) => merge(dirty, report(), (page) => page !== 683)),
  'asks twice and tells once': (blocks) =>
    broken(real(blocks, 'uffd'), (dirty, report) => {
      report();
      merge(dirty, report());
    }),
  'tells one round late': (blocks) => {
    let before: DirtyBitmap[] = [];
    return broken(real(blocks, 'uffd'), (dirty, report) => {
      merge(dirty, before);
      before = report();
    });
  },
};

describe.skipIf(!built)('the suite finds a tracker that', () => {
  test.each(Object.entries(BROKEN))('%s', async (_, make) => {
    const options = { memory: [optionsOf('memfd', 8 * MIB)], seed: testSeed(), rounds: 30 };
    await expect(checkTracker(options, make)).rejects.toThrow(/were lost/);
  });
});
