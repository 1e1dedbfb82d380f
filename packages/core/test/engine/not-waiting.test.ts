import { expect, it } from 'vitest';
import { destination } from '../support/ends.js';
import { expectFailure, outcomeOf } from '../support/outcome.js';
import { raw } from '../support/raw-source.js';

const BLOCK = { name: 'pc.ram', length: 4096 };

/** A source whose main has come to RAM, and which has no channel: the limit of the setup ends the wait. */
async function withoutChannels(...asks: readonly Uint8Array[]) {
  const { incoming, source } = await destination({ parameters: { multifdChannels: 1, setupTimeout: 1000 } });
  await source.open(raw.header(), ...asks, raw.start([BLOCK]));
  return outcomeOf(incoming.result, 'receive');
}

it('a source that waits for an answer has its guest', async () => {
  const error = expectFailure(await withoutChannels(raw.returnPath()), 'timeout', /channel 0 of 1/);
  expect(error.guest).toBe('source');
});

it('of a source that waits for none nobody here can say that it has its guest', async () => {
  const error = expectFailure(await withoutChannels(), 'timeout', /channel 0 of 1/);
  expect(error).toMatchObject({
    guest: 'either',
    hint: expect.stringMatching(/may have let go of the guest/),
  });
});
