import type { Incoming, ReceiveOptions, Relaying } from '@multifd/core';
import { describe, expect, it } from 'vitest';
import { destination, rawSource, relayTo } from '../support/ends.js';
import { expectFailure, inTime, outcomeOf } from '../support/outcome.js';
import { MIB } from '../support/ram.js';
import { type RawSource, raw } from '../support/raw-source.js';

const BLOCKS = [{ name: 'pc.ram', length: 2 * MIB }];
const parameters = { multifdChannels: 1, setupTimeout: 5000, stallTimeout: 5000 };

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** A source that the test speaks for, a relay, and a destination. */
async function chain(
  options: Partial<ReceiveOptions> = {},
): Promise<{ end: Incoming; active: () => Promise<void>; between: Relaying; source: RawSource }> {
  const { incoming: end, active } = await destination({ parameters, ...options });
  const between = await relayTo(end.address, parameters);
  return { end, active, between, source: rawSource(between.address) };
}

describe('before a relay hands over', () => {
  it('a channel too many has said that it has pages: they must not be lost', async () => {
    const { end, active, between, source } = await chain();
    const main = await source.open(raw.header(), raw.returnPath(), raw.start(BLOCKS));
    await source.open(raw.init(0), raw.sync(), raw.sync());
    await active();
    const surplus = await source.open(raw.init(1));
    main.write(raw.part('end'));
    main.write(raw.end());
    await pause(150);
    surplus.write(raw.sync());
    surplus.write(raw.packet({ block: 'pc.ram', normal: [0], fill: 1 }));
    const relayed = expectFailure(
      await outcomeOf(between.result, 'relay'),
      'incompatible',
      /^the source has at least 2 channels, expected 1$/,
    );
    expect(relayed.guest).toBe('source');
    expectFailure(await outcomeOf(end.result, 'receive'), 'peer-closed');
  });
});

describe('after a relay has handed over', () => {
  it('a source that cancels has its guest back: the destination takes back what it was about to keep', async () => {
    const committing = Promise.withResolvers<void>();
    const mayCommit = Promise.withResolvers<void>();
    const { end, between, source } = await chain({
      commit: () => {
        committing.resolve();
        return mayCommit.promise;
      },
    });
    const main = await source.open(raw.header(), raw.returnPath(), raw.start(BLOCKS));
    const channel = await source.open(raw.init(0), raw.sync(), raw.sync());
    main.write(raw.part('end'));
    main.write(raw.end());
    await inTime(committing.promise, 'the commit of the destination');
    main.destroy();
    channel.destroy();
    const relayed = expectFailure(await outcomeOf(between.result, 'relay'), 'peer-closed');
    expect(relayed.guest).toBe('either');
    mayCommit.resolve();
    const received = expectFailure(await outcomeOf(end.result, 'receive'), 'peer-closed');
    expect(received.guest).toBe('source');
  });
});
