import { DirtyBitmap } from '@multifd/core';
import { describe, expect, test } from 'vitest';
import { chooseTracker, hostBlocks, type TrackerKind } from '../src/index.js';
import { built } from './support/addon.js';
import { bytesOf, KINDS, MIB, type OpenRam, openRam, optionsOf, PAGE } from './support/memory.js';

const LENGTH = 16 * MIB;

/** A tracker of one block, and what it reports: page numbers. */
function track({ ram }: OpenRam, kind: TrackerKind, pageSize = PAGE) {
  const { tracker } = chooseTracker({ blocks: [ram.descriptor], pageSize, kind });
  const report = (): number[] => {
    const dirty = DirtyBitmap.allocate(LENGTH / pageSize);
    tracker.sync([dirty]);
    return Array.from({ length: dirty.pages }, (_, page) => page).filter((page) => dirty.has(page));
  };
  return { tracker, report };
}

describe.skipIf(!built).each(KINDS)('userfaultfd in %s memory', (kind) => {
  test('reports each page that was written, once, and no other', () => {
    const open = openRam(optionsOf(kind, LENGTH));
    const { block } = open;
    for (let page = 0; page < 16; page++) block.write(page * PAGE, Uint8Array.of(page));
    const { tracker, report } = track(open, 'uffd');
    // Everything in the page tables that hold something.
    expect(report()).toHaveLength(512);
    expect(report()).toEqual([]);
    block.write(3 * PAGE, Uint8Array.of(3));
    block.write(7 * PAGE - 1, Uint8Array.of(0, 0));
    bytesOf(block, 9 * PAGE, 1).at(0);
    expect(report()).toEqual([3, 6, 7]);
    expect(report()).toEqual([]);
    block.zero(5 * PAGE, 2 * PAGE);
    expect(report()).toEqual([5, 6]);
    expect(report()).toEqual([]);
    tracker.close();
    open.close();
  });

  test('leaves what is untouched untouched', () => {
    const open = openRam(optionsOf(kind, LENGTH));
    const { tracker, report } = track(open, 'uffd');
    expect(report()).toEqual([]);
    expect(open.block.absent(0, LENGTH)).toBe(LENGTH);
    open.block.write(8 * MIB, Uint8Array.of(1));
    expect(report()).toContain(2048);
    expect(report()).toEqual([]);
    expect(open.block.absent(0, LENGTH)).toBe(8 * MIB);
    tracker.close();
    open.close();
  });

  test('counts pages as the guest does', () => {
    const open = openRam(optionsOf(kind, LENGTH));
    open.block.write(0, Uint8Array.of(1));
    const { tracker, report } = track(open, 'uffd', 65536);
    report();
    open.block.write(65536 - 1, Uint8Array.of(1, 1));
    expect(report()).toEqual([0, 1]);
    tracker.close();
    open.close();
  });
});

describe.skipIf(!built)('userfaultfd', () => {
  test('is for one tracker at a time, and for the next one after that', () => {
    const open = openRam(optionsOf('anon', LENGTH));
    const { tracker } = track(open, 'uffd');
    expect(() => track(open, 'uffd')).toThrow(/tracked already/);
    const { tracker: other, refused } = chooseTracker({ blocks: [open.ram.descriptor], pageSize: PAGE });
    expect(other.kind).toBe('digest');
    expect(refused.map(({ kind }) => kind)).toEqual(['uffd', 'soft-dirty', 'soft-dirty-process']);
    tracker.close();
    tracker.close();
    track(open, 'uffd').tracker.close();
    expect(() => tracker.sync([DirtyBitmap.allocate(LENGTH / PAGE)])).toThrow(/closed/);
    other.close();
    open.close();
  });

  test('refuses bitmaps that do not fit', () => {
    const open = openRam(optionsOf('anon', LENGTH));
    const { tracker } = track(open, 'uffd');
    expect(() => tracker.sync([])).toThrow(expect.objectContaining({ code: 'usage' }));
    expect(() => tracker.sync([DirtyBitmap.allocate(1)])).toThrow(expect.objectContaining({ code: 'usage' }));
    tracker.close();
    open.close();
  });
});

describe.skipIf(!built)('digests', () => {
  const scratch = new Uint8Array(4 * PAGE);

  test('find a page that was sent while it was different for a moment', () => {
    const open = openRam(optionsOf('anon', LENGTH));
    const { tracker, report } = track(open, 'digest');
    const [descriptor] = tracker.blocks;
    const source = hostBlocks.openToSend(descriptor ?? open.ram.descriptor);
    const value = (byte: number): void => open.block.write(2 * PAGE, Uint8Array.of(byte));
    value(1);
    expect(report()).toEqual([2]);
    value(2);
    expect(source.readToSend(2 * PAGE, PAGE, scratch)[0]).toBe(2);
    value(1);
    // Nothing has changed since the last report, but the other end has got something else.
    expect(report()).toEqual([2]);
    expect(source.readToSend(2 * PAGE, PAGE, scratch)[0]).toBe(1);
    expect(report()).toEqual([]);
    source.close();
    tracker.close();
    open.close();
  });

  test('know a page as absent only if it was when it was last sent, and leave holes alone', () => {
    const open = openRam(optionsOf('memfd', LENGTH));
    const { tracker, report } = track(open, 'digest');
    const [descriptor] = tracker.blocks;
    const source = hostBlocks.openToSend(descriptor ?? open.ram.descriptor);
    expect(source.inPlace).toBe(false);
    expect(source.absentToSend(0, LENGTH)).toBe(LENGTH);
    open.block.write(PAGE, Uint8Array.of(1));
    expect(source.absentToSend(0, LENGTH)).toBe(PAGE);
    expect(source.readToSend(0, 4 * PAGE, scratch).subarray(PAGE, PAGE + 2)).toEqual(Uint8Array.of(1, 0));
    expect(report()).toEqual([]);
    open.block.zero(PAGE, PAGE);
    expect(open.block.absent(0, LENGTH)).toBe(LENGTH);
    expect(source.absentToSend(PAGE, PAGE)).toBe(-PAGE);
    expect(report()).toEqual([1]);
    expect(source.readToSend(PAGE, PAGE, scratch)[0]).toBe(0);
    expect(source.absentToSend(0, LENGTH)).toBe(LENGTH);
    expect(report()).toEqual([]);
    expect(open.ram.allocatedBytes()).toBe(0);
    expect(() => source.readToSend(1, PAGE, scratch)).toThrow(/no whole pages/);
    expect(() => source.readToSend(0, PAGE + 1, scratch)).toThrow(/no whole pages/);
    source.close();
    tracker.close();
    open.close();
  });
});
