import { DirtyBitmap } from '@multifd/core';
import { sampleMethod } from '@multifd/core/codec';
import { describe, expect, test } from 'vitest';
import { chooseTracker, hostBlocks } from '../src/index.js';
import { lookAtAll, methods } from './fixtures/lookers.mjs';
import { built } from './support/addon.js';
import { KINDS, MIB, type OpenRam, openRam, optionsOf, PAGE } from './support/memory.js';
import { CopiedGuest } from './support/migration.js';

const LENGTH = 4 * MIB;
const PAGES = LENGTH / PAGE;
const TRACKERS = ['digest', 'uffd'] as const;
const CASES = TRACKERS.flatMap((kind) => KINDS.map((memory) => [kind, memory] as const));

function fill({ block }: OpenRam, byte: number): void {
  block.write(0, new Uint8Array(LENGTH).fill(byte));
}

describe.skipIf(!built)('what was looked at and not sent is still to be sent', () => {
  test.each(CASES)('%s, %s memory', async (kind, memory) => {
    const open = openRam(optionsOf(memory, LENGTH));
    const { tracker } = chooseTracker({ blocks: [open.ram.descriptor], pageSize: PAGE, kind });
    const guest = new CopiedGuest(tracker, [open.ram.descriptor]);
    fill(open, 1);
    guest.round();
    expect(guest.copied).toBe(PAGES);
    guest.round();
    const before = guest.copied;
    // The guest writes, and somebody looks before anybody sends.
    fill(open, 2);
    const ram = { pageSize: PAGE, blocks: tracker.blocks };
    for (const descriptor of tracker.blocks) {
      const block = hostBlocks.open(descriptor);
      expect(block).not.toHaveProperty('readToSend');
      expect(lookAtAll(block)).toBe((2 * LENGTH) / 64);
      block.close();
    }
    for (const method of methods) {
      expect(await sampleMethod(method, ram)).toMatchObject({ packets: 4, pageBytes: 2 * MIB });
    }
    const marked = DirtyBitmap.allocate(PAGES);
    tracker.sync([marked]);
    expect(marked.count()).toBe(PAGES);
    for (const bitmap of guest.dirty) bitmap.markAll();
    guest.round();
    expect(guest.copied).toBe(before + PAGES);
    expect(guest.lost([open.block])).toEqual([]);
    guest.close();
    tracker.close();
    open.close();
  });

  test('only what was opened to be sent can be marked as sent, once its tracker is closed too', () => {
    const open = openRam(optionsOf('anon', LENGTH));
    const { tracker } = chooseTracker({ blocks: [open.ram.descriptor], pageSize: PAGE, kind: 'digest' });
    const [descriptor = open.ram.descriptor] = tracker.blocks;
    tracker.close();
    fill(open, 3);
    const block = hostBlocks.open(descriptor);
    expect(block.read(0, 1, new Uint8Array(1))).toEqual(Uint8Array.of(3));
    block.close();
    expect(() => hostBlocks.openToSend(descriptor)).toThrow(/its tracker was closed/);
    open.close();
  });
});
