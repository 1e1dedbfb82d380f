import { type Incoming, type Relaying, receive, relay } from '@multifd/core';
import { afterEach, describe, expect, it } from 'vitest';
import { expectFailure, inTime, outcomeOf } from '../support/outcome.js';
import { MIB } from '../support/ram.js';
import { RawSource, raw } from '../support/raw-source.js';

const BLOCKS = [{ name: 'pc.ram', length: 2 * MIB }];
const parameters = { multifdChannels: 1, setupTimeout: 5000, stallTimeout: 5000 };

const toClose: { close(): void }[] = [];
afterEach(() => {
  for (const each of toClose.splice(0)) each.close();
});

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** A relay before `end`, and a source that speaks to it byte by byte. */
async function relayTo(end: Incoming): Promise<{ between: Relaying; source: RawSource }> {
  const between = await relay({
    listen: 'tcp:127.0.0.1:0',
    to: end.address,
    incoming: parameters,
    outgoing: { ...parameters, zeroPageDetection: 'none' },
  });
  const source = new RawSource(between.address);
  toClose.push(end, between, source);
  return { between, source };
}

describe('before a relay hands over', () => {
  it('a channel too many has said that it has pages: they must not be lost', async () => {
    const active = Promise.withResolvers<void>();
    const end = await receive({
      listen: 'tcp:127.0.0.1:0',
      parameters,
      onEvent: (event) => {
        if (event.type === 'status' && event.status === 'active') active.resolve();
      },
    });
    const { between, source } = await relayTo(end);
    const main = await source.open(raw.header(), raw.returnPath(), raw.start(BLOCKS));
    await source.open(raw.init(0), raw.sync(), raw.sync());
    await inTime(active.promise, 'the way to the destination');
    const surplus = await source.open(raw.init(1));
    main.write(raw.part('end'));
    main.write(raw.end());
    await pause(150);
    surplus.write(raw.sync());
    surplus.write(raw.packet({ block: 'pc.ram', normal: [0], fill: 1 }));
    const relayed = expectFailure(await outcomeOf(between.result, 'relay'), 'incompatible', /below 1.*got 1/);
    expect(relayed.guest).toBe('source');
    expectFailure(await outcomeOf(end.result, 'receive'), 'peer-closed');
  });
});

describe('after a relay has handed over', () => {
  it('a source that cancels has its guest back: the destination takes back what it was about to keep', async () => {
    const committing = Promise.withResolvers<void>();
    const mayCommit = Promise.withResolvers<void>();
    const end = await receive({
      listen: 'tcp:127.0.0.1:0',
      parameters,
      commit: () => {
        committing.resolve();
        return mayCommit.promise;
      },
    });
    const { between, source } = await relayTo(end);
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
