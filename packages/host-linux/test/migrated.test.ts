import {
  DirtyBitmap,
  type Guest,
  type Incoming,
  type MigrateResult,
  migrate,
  openRamBlock,
  type RamBlock,
  type ReceiveOptions,
  type ReceiveResult,
  receive,
  type ZeroPageDetection,
} from '@multifd/core';
import { testSeed } from '@multifd/testing/random';
import { afterEach, describe, expect, test } from 'vitest';
import { chooseTracker, type TrackerKind, type WriteTracker } from '../src/index.js';
import { built } from './support/addon.js';
import { Writers } from './support/guest.js';
import { type Kind, MIB, type OpenRam, openRam, optionsOf, PAGE } from './support/memory.js';

const LOOKERS = new URL('./fixtures/lookers.mjs', import.meta.url).href;
const LENGTH = 24 * MIB;
const TRACKERS = ['digest', 'uffd'] as const;
const DETECTIONS = ['none', 'legacy', 'multifd'] as const;

/** Mapped memory and what watches it: a guest for `migrate`. */
interface Watched {
  readonly open: OpenRam;
  readonly tracker: WriteTracker;
  readonly guest: Guest;
}

const closers: (() => void)[] = [];
afterEach(() => {
  for (const close of closers.splice(0)) close();
});

function watch(memory: Kind, kind: TrackerKind, stop: () => void): Watched {
  const open = openRam(optionsOf(memory, LENGTH));
  const { tracker } = chooseTracker({ blocks: [open.ram.descriptor], pageSize: PAGE, kind });
  closers.push(() => {
    tracker.close();
    open.close();
  });
  const dirty = DirtyBitmap.allocate(LENGTH / PAGE);
  const ram = { pageSize: PAGE, blocks: tracker.blocks, dirty: [dirty.buffer] };
  return { open, tracker, guest: { ram, stop, syncDirty: () => tracker.sync([dirty]) } };
}

interface MoveOptions {
  readonly detection?: ZeroPageDetection;
  readonly compression?: string;
  readonly destination?: Partial<ReceiveOptions>;
  readonly maxBandwidth?: number;
  readonly signal?: AbortController;
}

/** To a fresh destination in this process. With a `signal`: it is cancelled when some pages have left. */
async function move(
  guest: Guest,
  { detection = 'multifd', compression = 'none', destination, maxBandwidth = 0, signal }: MoveOptions,
): Promise<[PromiseSettledResult<MigrateResult>, PromiseSettledResult<ReceiveResult>]> {
  const parameters = {
    multifdChannels: 2,
    multifdCompression: compression,
    zeroPageDetection: detection,
    maxBandwidth,
    // The guest writes faster than it is looked at: it is stopped when it was sent twice.
    downtimeLimit: 60_000,
  };
  const methodModules = [LOOKERS];
  const incoming: Incoming = await receive({
    listen: 'tcp:127.0.0.1:0',
    parameters,
    methodModules,
    ...destination,
  });
  const sending = migrate({
    guest,
    to: incoming.address,
    accelerator: { module: LOOKERS, name: 'looks-twice' },
    parameters,
    methodModules,
    ...(signal && { signal: signal.signal }),
    onEvent(event) {
      if (event.type === 'progress' && event.statistics.normal > 100) signal?.abort();
    },
  });
  return Promise.allSettled([sending, incoming.result]);
}

/** Pages of the guest that are not the same where it arrived. */
async function lost(block: RamBlock, received: PromiseSettledResult<ReceiveResult>): Promise<number[]> {
  if (received.status === 'rejected') throw received.reason;
  const [descriptor] = received.value.ram.blocks;
  if (descriptor === undefined) throw new Error('nothing arrived');
  const there = await openRamBlock(descriptor);
  const pages = Array.from({ length: block.length / PAGE }, (_, page) => page);
  const nothing = new Uint8Array(0);
  return pages.filter((page) => {
    const ours = block.read(page * PAGE, PAGE, nothing);
    return Buffer.compare(ours, there.read(page * PAGE, PAGE, nothing)) !== 0;
  });
}

describe.skipIf(!built).each(TRACKERS)('a running guest, %s', (kind) => {
  test.each(DETECTIONS)(
    'and a method that looks at all of it for each packet, zero-page-detection %s: no write is lost',
    async (detection) => {
      let writers: Writers | undefined;
      const { open, guest } = watch('memfd', kind, () => writers?.pause());
      writers = await Writers.start([open.ram.descriptor], testSeed());
      const [sent, received] = await move(guest, { detection, compression: 'looks-at-all' });
      // They are paused, and write once more when they end.
      const different = sent.status === 'fulfilled' ? await lost(open.block, received) : sent.reason;
      await writers.end();
      expect(different).toEqual([]);
    },
  );

  test.each(DETECTIONS)(
    'goes again, with the same tracker, after it failed, zero-page-detection %s',
    async (detection) => {
      const { open, guest } = watch('anon', kind, () => {});
      const page = new Uint8Array(PAGE);
      // Two pages of three have content; the first half changes from one attempt to the next and back.
      const fill = (byte: number): void => {
        for (let at = 0; at < LENGTH / 2 / PAGE; at++) {
          if (at % 3 !== 0) open.block.write(at * PAGE, page.fill(byte));
        }
      };
      open.block.write(LENGTH / 2, new Uint8Array(LENGTH / 2).fill(9));
      fill(1);
      const cancelled = await move(guest, {
        detection,
        maxBandwidth: 32 * MIB,
        signal: new AbortController(),
      });
      expect(cancelled[0]).toMatchObject({ status: 'rejected', reason: { code: 'cancelled' } });
      fill(2);
      const commit = (): never => {
        throw new Error('no room');
      };
      const refused = await move(guest, { detection, destination: { commit } });
      expect(refused[0]).toMatchObject({ status: 'rejected' });
      // What the second destination had, until now, and what the first one had.
      fill(1);
      open.block.zero(0, MIB);
      const [sent, received] = await move(guest, { detection });
      expect(sent).toMatchObject({ status: 'fulfilled' });
      expect(await lost(open.block, received)).toEqual([]);
    },
  );
});
