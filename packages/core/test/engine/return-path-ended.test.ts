import { once } from 'node:events';
import { connect } from 'node:net';
import { afterEach, expect, it, vi } from 'vitest';
import { SourceEnding } from '../../src/engine/source/ending.js';
import { GuestKeeper } from '../../src/engine/source/guest-keeper.js';
import { GuestService } from '../../src/engine/source/guest-service.js';
import { listenToReturnPath } from '../../src/engine/source/return-path.js';
import { SourceMeter } from '../../src/engine/source/source-meter.js';
import { StatusMachine } from '../../src/engine/status.js';
import { MultifdError } from '../../src/errors.js';
import { completeParameters } from '../../src/parameters.js';
import { SourceControl } from '../../src/send/control.js';
import { Counters } from '../../src/thread/counters.js';
import { FirstFailure } from '../../src/thread/first-failure.js';
import { serve } from '../support/ends.js';
import { watchedGuest } from '../support/watched-guest.js';

afterEach(() => void vi.useRealTimers());

function endingOfActive(isStopping = false, control = SourceControl.allocate()): SourceEnding {
  const status = new StatusMachine(() => {});
  status.to('setup');
  status.to('active');
  return new SourceEnding({
    status,
    parameters: completeParameters(),
    announced: { machineType: 'none', tls: undefined },
    control,
    failures: new FirstFailure(),
    requestReport: false,
    isAborted: () => false,
    isStopping: () => isStopping,
    warn: () => {},
    completed: () => {},
    stopThreads: () => {},
  });
}

it.each(['before', 'behind'])(
  'a destination that dies with main closed %s a channel: nothing is waited for, the guest may be stopped',
  async (when) => {
    vi.useFakeTimers();
    const ending = endingOfActive();
    const closed = new MultifdError('peer-closed', 'channel 0: the connection broke');
    if (when === 'before') ending.heard({ type: 'return-path-ended' });
    ending.failed(closed);
    if (when === 'behind') ending.heard({ type: 'return-path-ended' });
    // No timer fires here.
    await expect(ending.outcome).rejects.toThrow('channel 0: the connection broke');
    ending.close();
  },
);

it.each([
  { isStopping: false, patience: 5_000 },
  { isStopping: true, patience: 1_000 },
])(
  'with main open, and the guest stopping: $isStopping, a reason is waited for $patience ms',
  async (each) => {
    vi.useFakeTimers();
    const ending = endingOfActive(each.isStopping);
    const decided = vi.fn<() => void>();
    ending.outcome.catch(decided);
    ending.failed(new MultifdError('peer-closed', 'channel 0: the connection broke'));
    await vi.advanceTimersByTimeAsync(each.patience - 1);
    expect(decided).not.toHaveBeenCalled();
    await vi.advanceTimersByTimeAsync(1);
    expect(decided).toHaveBeenCalledOnce();
    ending.close();
  },
);

it.each(['serve', 'suspend'] as const)(
  'a guest is not stopped any more once a channel has failed: %s',
  (how) => {
    const control = SourceControl.allocate();
    const ending = endingOfActive(false, control);
    const calls: string[] = [];
    const { guest } = watchedGuest();
    const service = new GuestService({
      keeper: new GuestKeeper({ ...guest, stop: () => void calls.push('stop') }, true),
      meter: new SourceMeter(guest.ram, Counters.allocate(1), new Set()),
      ending,
      control,
      post: () => {},
      stopped: () => void calls.push('stopped'),
      throttled: () => {},
    });
    ending.failed(new MultifdError('peer-closed', 'channel 0: the connection broke'));
    if (how === 'serve') service.serve({ type: 'stop-guest' });
    else service.suspend();
    ending.close();
    expect(calls).toEqual([]);
    expect(service.isStopping).toBe(false);
  },
);

it('a return path tells once that it has ended, behind all that it brought', async () => {
  const to = await serve((destination) => {
    // SHUT(1).
    destination.end(Uint8Array.of(0, 1, 0, 4, 0, 0, 0, 1));
  });
  const socket = connect(Number(to.split(':').at(-1)), '127.0.0.1');
  const told: string[] = [];
  const answers = listenToReturnPath(socket, undefined, {
    answered: () => {},
    accepted: () => true,
    refused: () => void told.push('refused'),
    reason: () => void told.push('reason'),
    failed: () => void told.push('failed'),
    ended: () => void told.push('ended'),
  });
  await once(socket, 'close');
  await answers.closed;
  expect(told).toEqual(['refused', 'failed', 'ended']);
});
