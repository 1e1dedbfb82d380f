import { allocateGuestRam, DirtyBitmap, MultifdError } from '@multifd/core';
import { describe, expect, it } from 'vitest';
import { expectFailure } from '../support/outcome.js';
import { move, tryToMove } from '../support/pair.js';
import { MIB } from '../support/ram.js';
import { altered } from '../support/untyped.js';
import { COUNTED_BLOCKS as blocks, countedGuest } from '../support/watched-guest.js';

const oneBitmap = new SharedArrayBuffer(128);

describe('what openRam returns', () => {
  const refusals = [
    {
      what: 'that lacks a block',
      openRam: () => ({ blocks: allocateGuestRam(blocks.slice(0, 1)).blocks, allZero: true }),
      code: 'incompatible',
      says: /pc.bios: the source has 262144 bytes, this end no such block/,
    },
    {
      what: 'with a block of another length',
      openRam: () => ({
        blocks: allocateGuestRam([{ name: 'pc.ram', length: 8 * MIB }, ...blocks.slice(1)]).blocks,
        allZero: true,
      }),
      code: 'incompatible',
      says: /pc.ram: the source has 4194304 bytes, this end 8388608/,
    },
    {
      what: 'with a block twice',
      openRam: () => ({
        blocks: [...allocateGuestRam(blocks).blocks, ...allocateGuestRam(blocks.slice(1)).blocks],
        allZero: true,
      }),
      code: 'guest',
      says: /openRam callback: block pc.bios comes twice/,
    },
    {
      what: 'with one memory for two blocks',
      openRam: () => {
        const [ram] = allocateGuestRam(blocks).blocks;
        if (ram === undefined) throw new Error('no block');
        const { wasmMemories: _, ...plain } = ram;
        return { blocks: blocks.map((block) => ({ ...plain, ...block })), allZero: true };
      },
      code: 'usage',
      says: /pc.bios has a segment that is also of block pc.ram/,
    },
    {
      what: 'with one place in a file for two blocks',
      openRam: () => ({
        blocks: blocks.map(
          (block) => ({ kind: 'file', ...block, path: '/nowhere', writable: true }) as const,
        ),
        allZero: true,
      }),
      code: 'usage',
      says: /pc.bios lies in \/nowhere where block pc.ram does/,
    },
    {
      what: 'with a file that may not be written',
      openRam: () => ({
        blocks: blocks.map(
          (block) => ({ kind: 'file', ...block, path: `/nowhere/${block.name}`, writable: false }) as const,
        ),
        allZero: true,
      }),
      code: 'usage',
      says: /pc.ram: \/nowhere\/pc.ram is not writable/,
    },
    {
      what: 'that does not say whether it is zero',
      openRam: () => altered({ blocks: allocateGuestRam(blocks).blocks, allZero: true }, 'allZero', 'no'),
      code: 'guest',
      says: /openRam callback: allZero must be true or false, is a string/,
    },
    {
      what: 'that gives no blocks',
      openRam: () => altered({ blocks: allocateGuestRam(blocks).blocks, allZero: true }, 'blocks', undefined),
      code: 'guest',
      says: /openRam callback: blocks must be an array, is undefined/,
    },
    ...[
      { changed: 'none', says: /changedPages must be an array, is a string/ },
      { changed: [], says: /block pc.ram: its changedPages must be a SharedArrayBuffer, is undefined/ },
      {
        changed: [new ArrayBuffer(128)],
        says: /pc.ram: its changedPages must .*, is an object \(ArrayBuffer\)/,
      },
      {
        changed: [new SharedArrayBuffer(128), new SharedArrayBuffer(7)],
        says: /block pc.bios: its changedPages has 7 bytes of 8/,
      },
      {
        // Whoever takes the marks of one block would take those of the other.
        changed: blocks.map(() => oneBitmap),
        says: /block pc.bios: its changedPages is that of another block too/,
      },
    ].map(({ changed, says }) => ({
      what: `with bitmaps that are none: ${says.source}`,
      openRam: () =>
        altered({ blocks: allocateGuestRam(blocks).blocks, allZero: true }, 'changedPages', changed),
      code: 'guest' as const,
      says,
    })),
    {
      what: 'that throws',
      openRam: () => {
        throw new Error('no\nroom');
      },
      code: 'guest',
      says: /openRam.*no\s+room/,
    },
    {
      what: 'that rejects later',
      openRam: () => Promise.reject(new Error('no room')),
      code: 'guest',
      says: /openRam.*no room/,
    },
  ] as const;
  it.each(refusals)('$what is refused, and the guest stays', async ({ openRam, code, says }) => {
    const guest = countedGuest();
    const outcome = await tryToMove({ guest, destination: { openRam } });
    expectFailure(outcome.received, code, says);
    expectFailure(outcome.sent, code === 'incompatible' ? code : 'peer-closed', says);
    expect(guest.resume).toHaveBeenCalledTimes(guest.stop.mock.calls.length);
    await move({ guest });
  });

  it('a destination with more blocks than announced, in another order', async () => {
    const more = allocateGuestRam([{ name: 'vga.vram', length: MIB }, ...blocks.toReversed()]);
    const changed = more.blocks.map(({ length }) => DirtyBitmap.allocate(length / more.pageSize));
    const changedPages = changed.map(({ buffer }) => buffer);
    const { received } = await move({
      guest: countedGuest(),
      destination: { openRam: () => ({ blocks: more.blocks, allZero: true, changedPages }) },
    });
    expect(received.ram.blocks.map((block) => block.name)).toEqual(['pc.ram', 'pc.bios']);
    // In fresh memory a page with content was written, and nothing else.
    const [vga, bios, ram] = changed;
    expect(vga?.count()).toBe(0);
    expect([ram, bios].map((bitmap) => bitmap && Buffer.from(bitmap.buffer))).toEqual(
      received.receivedPages.map((bitmap) => Buffer.from(bitmap)),
    );
    expect(ram?.count()).toBeGreaterThan(0);
  });

  it('which machine the guest is of, in time to refuse it', async () => {
    const guest = { ...countedGuest(), machineType: 'isapc' };
    const outcome = await tryToMove({
      guest,
      destination: {
        openRam: (_blocks, _ahead, machineType) => {
          throw new MultifdError('incompatible', `of ${machineType} nothing can be made here`);
        },
      },
    });
    expectFailure(outcome.received, 'incompatible', /of isapc nothing can be made here/);
    expectFailure(outcome.sent, 'incompatible', /of isapc nothing can be made here/);
    // A source that waits for no answer has let its guest go once it was stopped.
    expect(guest.stop).not.toHaveBeenCalled();
  });

  it('a file that cannot be opened on the destination', async () => {
    const missing = (block: { name: string; length: number }) =>
      ({ kind: 'file', ...block, path: `/nonexistent/${block.name}`, writable: true }) as const;
    const outcome = await tryToMove({
      guest: countedGuest(),
      destination: { openRam: (announced) => ({ blocks: announced.map(missing), allZero: true }) },
    });
    expectFailure(outcome.received, 'io', /cannot open \/nonexistent\/pc.ram/);
    expectFailure(outcome.sent, 'peer-closed', /^the destination says: .*cannot open \/nonexistent\/pc.ram/);
  });
});
