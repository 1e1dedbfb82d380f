import { testSeed } from '@multifd/testing/random';
import { describe, expect, it } from 'vitest';
import { expectFailure } from '../support/outcome.js';
import { move, tryToMove } from '../support/pair.js';
import { createGuestRam, MIB } from '../support/ram.js';

const seed = testSeed();
const guest = { ram: createGuestRam({ seed, blocks: [{ name: 'pc.ram', length: MIB }] }) };

describe('channels', () => {
  it.each([1, 2, 16])('%i', async (multifdChannels) => {
    const ram = createGuestRam({ seed, blocks: [{ name: 'pc.ram', length: 70 * MIB }] });
    const { sent } = await move({ guest: { ram }, parameters: { multifdChannels } });
    expect(sent.statistics.channelBytes).toHaveLength(multifdChannels);
  });

  it('255', async () => {
    const ram = createGuestRam({ seed, blocks: [{ name: 'pc.ram', length: 16 * MIB }] });
    const parameters = { multifdChannels: 255, setupTimeout: 120_000, stallTimeout: 120_000 };
    const { sent } = await move({ guest: { ram }, parameters, limit: 170_000 });
    expect(sent.statistics.channelBytes).toHaveLength(255);
    // Every channel said at least who it is.
    expect(Math.min(...sent.statistics.channelBytes)).toBeGreaterThan(64);
  }, 180_000);

  it('more on the source: both ends end with an error', async () => {
    const outcome = await tryToMove({
      guest,
      source: { parameters: { multifdChannels: 3 } },
      destination: { parameters: { multifdChannels: 2 } },
    });
    expectFailure(outcome.sent, 'incompatible', /^the destination says: .*channel.*below 2.*got 2/);
    expectFailure(outcome.received, 'incompatible', /channel.*below 2.*got 2/);
  });

  it('more on the destination: it says which is missing', async () => {
    const outcome = await tryToMove({
      guest,
      source: { parameters: { multifdChannels: 1 } },
      destination: { parameters: { multifdChannels: 3, setupTimeout: 1500 } },
    });
    expectFailure(outcome.sent, 'peer-closed');
    expectFailure(outcome.received, 'timeout', /channel 1, 2 of 3 did not connect within 1500 ms/);
  });
});
