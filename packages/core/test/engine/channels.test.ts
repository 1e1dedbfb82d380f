import { testSeed } from '@multifd/testing/random';
import { describe, expect, it } from 'vitest';
import { move, turnedAway } from '../support/pair.js';
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

  it.each([
    { source: 3, destination: 2 },
    { source: 1, destination: 3 },
    { source: 2, destination: 255 },
  ])('$source at the source, $destination at the destination: both say so', async (channels) => {
    const reasons = await turnedAway({
      guest,
      // Told long before this is over.
      parameters: { setupTimeout: 600_000, stallTimeout: 600_000 },
      source: { parameters: { multifdChannels: channels.source } },
      destination: { parameters: { multifdChannels: channels.destination } },
      says: /^the destination says: the source has [123] channels?, expected \d+ /,
    });
    const count = channels.source === 1 ? '1 channel' : `${channels.source} channels`;
    // One line for the whole source. Those of its connections that come behind it are closed.
    expect(reasons[0]).toMatch(
      new RegExp(`^the source has ${count}, expected ${channels.destination} \\(set m`),
    );
    expect(reasons.slice(1).filter((reason) => !/^(closed|channel \d+: )/.test(reason))).toEqual([]);
  });
});
