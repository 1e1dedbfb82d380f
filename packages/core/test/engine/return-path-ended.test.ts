import { once } from 'node:events';
import { connect } from 'node:net';
import { afterEach, expect, it, vi } from 'vitest';
import { SourceEnding } from '../../src/engine/source/ending.js';
import { listenToReturnPath } from '../../src/engine/source/return-path.js';
import { StatusMachine } from '../../src/engine/status.js';
import { MultifdError } from '../../src/errors.js';
import { completeParameters } from '../../src/parameters.js';
import { SourceControl } from '../../src/send/control.js';
import { FirstFailure } from '../../src/thread/first-failure.js';
import { serve } from '../support/ends.js';

afterEach(() => void vi.useRealTimers());

function endingOfActive(): SourceEnding {
  const status = new StatusMachine(() => {});
  status.to('setup');
  status.to('active');
  return new SourceEnding({
    status,
    parameters: completeParameters(),
    announced: { machineType: 'none', tls: undefined },
    control: SourceControl.allocate(),
    failures: new FirstFailure(),
    requestReport: false,
    isAborted: () => false,
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

it('a return path tells once that it has ended, behind all that it brought', async () => {
  const to = await serve((destination) => {
    // SHUT(1).
    destination.end(Uint8Array.of(0, 1, 0, 4, 0, 0, 0, 1));
  });
  const socket = connect(Number(to.split(':').at(-1)), '127.0.0.1');
  const told: string[] = [];
  const answers = listenToReturnPath(socket, undefined, {
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
