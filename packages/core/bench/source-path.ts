import { methodsForChannel } from '../src/methods/automatic.js';
import { noneMethod } from '../src/methods/none.js';
import { setUpSending } from '../src/methods/sending.js';
import { DirtyBitmap } from '../src/ram/dirty-bitmap.js';
import { RangeTable } from '../src/ram/ranges.js';
import { openToSend } from '../src/ram/sending-block.js';
import { CheckPipeline } from '../src/send/check-pipeline.js';
import { SourceControl } from '../src/send/control.js';
import { PacketSender } from '../src/send/packet-sender.js';
import { PAGE_ZERO } from '../src/send/scanned-range.js';
import { Counters } from '../src/thread/counters.js';
import { BandwidthLimit } from '../src/transport/bandwidth.js';
import { Outgoing } from '../src/transport/outgoing.js';
import type { Accelerator, Probe } from '../src/zero/accelerator.js';
import { PageChecker } from '../src/zero/page-checker.js';
import { type BenchGuest, PAGE, PAGES } from './guests.js';
import type { NullSocket } from './without-sockets.js';

const zeros = Buffer.alloc(PAGE);
const probe = (): Probe => ({ ok: true, detail: 'bench' });
const capabilities = { pageSize: { min: PAGE, max: PAGE }, preferredBatch: 128 };

/** The check as `accel-js` does it for pages of 4 KiB. */
export const compare: Accelerator = {
  specVersion: 2,
  name: 'compare',
  capabilities,
  probe,
  open: () => ({
    detect({ memory, offsets, count }, isZero) {
      for (let i = 0; i < count; i++) {
        const at = offsets[i];
        const look = memory[at] | memory[at + 8] | memory[at + 16] | memory[at + 24];
        isZero[i] = look === 0 && zeros.compare(memory, at, at + PAGE) === 0 ? 1 : 0;
      }
    },
    close() {},
  }),
};

/** Says "zero" without a look: what is left is the engine's own work. */
export const free: Accelerator = {
  specVersion: 2,
  name: 'free',
  capabilities,
  probe,
  open: () => ({
    detect({ count }, isZero) {
      isZero.fill(1, 0, count);
    },
    close() {},
  }),
};

/**
 * What `SourceChannel` does for each range, for all of a guest: takes dirty bits, has the pages checked, sorts
 * them into packets, and hands those to a socket.
 */
export async function sourcePath(
  guest: BenchGuest,
  accelerator: Accelerator | undefined,
  socket: () => NullSocket,
): Promise<() => Promise<void>> {
  const [descriptor] = guest.ram.blocks;
  const [bitmap] = guest.ram.dirty ?? [];
  if (descriptor === undefined || bitmap === undefined) throw new Error('the guest has no memory');
  const sending = await openToSend(descriptor);
  const dirty = new DirtyBitmap(bitmap, PAGES);
  const table = new RangeTable(guest.ram.blocks);
  const checker = accelerator === undefined ? undefined : await PageChecker.open(accelerator, PAGE, 30_000);
  let next = 0;
  const pipeline = new CheckPipeline(PAGE, checker, {
    claim: () => (next < table.count ? { index: next, range: table.at(next++), sending, dirty } : undefined),
    fairShare: () => table.count,
  });
  const methods = await methodsForChannel('none', []);
  const options = { channel: 0, pageSize: PAGE, maxPages: 128, settings: {} };
  const hooks = await setUpSending(methods, options, {
    where: 'channel 0',
    chosen: () => 0,
    isLate: () => false,
    refused() {},
  });
  const control = SourceControl.allocate();
  const counters = Counters.allocate(2).row(1);
  const nothing = new Uint8Array(0);
  return async () => {
    const outgoing = new Outgoing(socket(), {
      where: 'channel 0',
      stallTimeout: 30_000,
      counters,
      limit: BandwidthLimit.allocate(0),
      signal: new AbortController().signal,
    });
    const sender = new PacketSender(outgoing, noneMethod, hooks, control, counters, PAGE);
    next = 0;
    for (let scanned = await pipeline.next(); scanned !== undefined; scanned = await pipeline.next()) {
      const { count, offsets, answers } = scanned;
      await sender.begin(sending.block, (offset, length) => sending.readToSend(offset, length, nothing));
      await sender.add(offsets, answers, count);
      const zero = answers.subarray(0, count).filter((answer) => answer === PAGE_ZERO).length;
      counters.addPages(count - zero, zero);
    }
    await sender.flushed();
    outgoing.destroy();
  };
}
