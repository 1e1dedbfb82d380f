import { writeFileSync } from 'node:fs';
import { DirtyBitmap } from '@multifd/core';
import { describe, expect, test } from 'vitest';
import type { NativeMemory } from '../src/binding.js';
import { mappingOf } from '../src/handle.js';
import { chooseTracker, hostBlocks, type MapOptions } from '../src/index.js';
import { requireBinding } from '../src/load.js';
import { built } from './support/addon.js';
import { MIB, type OpenRam, openRam, optionsOf, PAGE, sparseFile } from './support/memory.js';
import { CopiedGuest } from './support/migration.js';

const LENGTH = 16 * MIB;
const PAGES = LENGTH / PAGE;
/** Threads that one `sync` uses at most. */
const SYNC_THREADS = 8;

/** Memory of a file that has data everywhere. */
function dense(
  kind: 'memfd' | 'shared file' | 'private file',
  length: number,
): OpenRam & { memory: NativeMemory } {
  const open = openRam(optionsOfDense(kind, length));
  if (kind === 'memfd') open.block.write(0, new Uint8Array(length).fill(1));
  const memory = new (requireBinding().Memory)(mappingOf(open.ram.descriptor));
  return {
    ...open,
    memory,
    close() {
      memory.close();
      open.close();
    },
  };
}

function optionsOfDense(kind: 'memfd' | 'shared file' | 'private file', length: number): MapOptions {
  if (kind === 'memfd') return optionsOf(kind, length);
  const file = sparseFile(length);
  writeFileSync(file, new Uint8Array(length).fill(1));
  return { name: 'pc.ram', length, kind: 'file', file, shared: kind === 'shared file' };
}

/**
 * To say where a run of data ends, the kernel goes through all of it. Asked for every page that was sent, a guest of 256 MiB
 * in a memfd took 45 s, and its size counts twice.
 */
describe.skipIf(!built).each(['memfd', 'shared file', 'private file'] as const)('%s memory', (kind) => {
  test('digests ask once where data ends, however many pages of it are sent one by one', () => {
    const open = dense(kind, LENGTH);
    const { tracker } = chooseTracker({ blocks: [open.ram.descriptor], pageSize: PAGE, kind: 'digest' });
    const guest = new CopiedGuest(tracker, [open.ram.descriptor]);
    for (let round = 1; round <= 3; round++) {
      for (let page = round; page < PAGES; page += 2) open.block.write(page * PAGE, Uint8Array.of(round + 1));
      const before = open.memory.asked();
      guest.round();
      // The threads of the sync, and the one that sends.
      expect(open.memory.asked() - before).toBeLessThanOrEqual(SYNC_THREADS + 1);
    }
    // All of them once, and then every second one.
    expect(guest.copied).toBe(2 * PAGES - 2);
    expect(guest.lost([open.block])).toEqual([]);
    guest.close();
    tracker.close();
    open.close();
  });

  test('without a hole nothing is asked: the file has as many blocks as it is long', () => {
    const open = dense(kind, LENGTH);
    for (let offset = 0; offset < LENGTH; offset += PAGE)
      expect(open.block.absent(offset, PAGE)).toBeLessThan(0);
    expect(open.memory.asked()).toBe(0);
    open.close();
  });

  test('to clear pages one by one asks for none', () => {
    const open = dense(kind, MIB);
    for (let offset = 0; offset < MIB; offset += PAGE) open.block.zero(offset, PAGE);
    open.block.zero(0, MIB);
    open.block.zero(1, PAGE);
    expect(open.memory.asked()).toBe(0);
    expect(open.block.read(0, MIB, new Uint8Array(0)).every((byte) => byte === 0)).toBe(true);
    open.close();
  });
});

describe.skipIf(!built)('a dense memfd', () => {
  test('each thread of a sync asks once, not once for each portion', () => {
    const length = 256 * MIB;
    const open = dense('memfd', length);
    const { tracker } = chooseTracker({ blocks: [open.ram.descriptor], pageSize: PAGE, kind: 'digest' });
    const marked = DirtyBitmap.allocate(length / PAGE);
    tracker.sync([marked]);
    expect(marked.count()).toBe(length / PAGE);
    expect(open.memory.asked()).toBeLessThanOrEqual(SYNC_THREADS);
    tracker.close();
    open.close();
  });

  test('what another thread gives back is not filled by reading it, and what lies behind it costs no question', () => {
    const open = dense('memfd', LENGTH);
    const { tracker } = chooseTracker({ blocks: [open.ram.descriptor], pageSize: PAGE, kind: 'digest' });
    const sender = tracker.blocks.map((block) => hostBlocks.openToSend(block))[0];
    if (sender === undefined) throw new Error('no block');
    const scratch = new Uint8Array(PAGE);
    const before = open.memory.allocated();
    let absent = 0;
    for (let page = 0; page < PAGES; page++) {
      // As another thread does, which has the memory open itself: pages that were sent, and one ahead.
      if (page % 16 === 15) open.block.zero((page - 8) * PAGE, PAGE);
      if (page === PAGES / 2) open.block.zero((page + 100) * PAGE, PAGE);
      if (sender.absentToSend(page * PAGE, PAGE) >= PAGE) absent++;
      else sender.readToSend(page * PAGE, PAGE, scratch);
    }
    expect(absent).toBe(1);
    expect(open.memory.allocated()).toBe(before - (PAGES / 16 + 1) * PAGE);
    // Behind the hole that was ahead: at the start the file has as many blocks as one without a hole.
    expect(open.memory.asked()).toBe(1);
    sender.close();
    tracker.close();
    open.close();
  });
});
