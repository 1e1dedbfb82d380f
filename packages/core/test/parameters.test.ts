import { migrate, receive } from '@multifd/core';
import { testSeed } from '@multifd/testing/random';
import { describe, expect, it } from 'vitest';
import { PLAIN } from './support/fixtures.js';
import { expectFailure, outcomeOf } from './support/outcome.js';
import { move, tryToMove } from './support/pair.js';
import { createGuestRam, MIB } from './support/ram.js';

const seed = testSeed();
const guest = { ram: createGuestRam({ seed, blocks: [{ name: 'pc.ram', length: MIB }] }) };
const NOWHERE = 'tcp:127.0.0.1:1';

describe('what cannot be right is refused before anything happens', () => {
  const parameters = [
    [{ multifdChannels: 0 }, /multifd-channels must be a whole number from 1 to 255, got 0/],
    [{ multifdChannels: 256 }, /got 256/],
    [{ multifdChannels: 1.5 }, /got 1.5/],
    [{ multifdChannels: Number.NaN }, /got NaN/],
    [{ maxBandwidth: -1 }, /max-bandwidth/],
    [{ downtimeLimit: 2_000_001 }, /downtime-limit/],
    [{ setupTimeout: 0 }, /setup-timeout/],
    [{ stallTimeout: 2 ** 31 }, /stall-timeout/],
    [{ idleTimeout: -5 }, /idle-timeout/],
  ] as const;
  it.each(parameters)('%o, on either end', async (given, says) => {
    const sent = outcomeOf(migrate({ guest, to: NOWHERE, accelerator: PLAIN, parameters: given }), 'migrate');
    expectFailure(await sent, 'usage', says);
    const listens = outcomeOf(receive({ listen: 'tcp:127.0.0.1:0', parameters: given }), 'receive');
    expectFailure(await listens, 'usage', says);
  });

  it.each([
    'nowhere',
    'tcp:',
    'tcp:host',
    'tcp:host:99999',
    'tcp:a:b:1',
    'tcp:::1:80',
    'unix:',
    'unix:a\0b',
    'udp:127.0.0.1:1',
    '',
  ])('address %o', async (address) => {
    expectFailure(await outcomeOf(migrate({ guest, to: address, accelerator: PLAIN }), 'migrate'), 'usage');
    expectFailure(await outcomeOf(receive({ listen: address }), 'receive'), 'usage');
  });

  it('port 0 as a destination', async () => {
    const sent = migrate({ guest, to: 'tcp:127.0.0.1:0', accelerator: PLAIN });
    expectFailure(await outcomeOf(sent, 'migrate'), 'usage', /port above 0/);
  });

  it('a uuid that is not 16 bytes', async () => {
    const uuid = new Uint8Array(15);
    const sent = migrate({ guest: { ...guest, uuid }, to: NOWHERE, accelerator: PLAIN });
    expectFailure(await outcomeOf(sent, 'migrate'), 'usage', /16 bytes, got 15/);
    expectFailure(await outcomeOf(receive({ listen: 'tcp:0', uuid }), 'receive'), 'usage', /16 bytes/);
  });

  it.each([0, 1024, 5000, 131072])('pages of %i bytes', async (pageSize) => {
    const ram = { ...guest.ram, pageSize };
    const sent = migrate({ guest: { ram }, to: NOWHERE, accelerator: PLAIN });
    expectFailure(await outcomeOf(sent, 'migrate'), 'usage', /page size/);
    expectFailure(await outcomeOf(receive({ listen: 'tcp:0', pageSize }), 'receive'), 'usage', /page size/);
  });

  it('a check for zero pages with nobody to do it', async () => {
    const outcome = await outcomeOf(migrate({ guest, to: NOWHERE }), 'migrate');
    const error = expectFailure(outcome, 'accelerator-unavailable', /zero-page-detection multifd needs/);
    expect(error.hint).toContain('accelerator');
  });

  it('no accelerator is needed if nobody checks', async () => {
    const incoming = await receive({ listen: 'tcp:127.0.0.1:0' });
    const result = await migrate({
      guest,
      to: incoming.address,
      parameters: { zeroPageDetection: 'none' },
    });
    await incoming.result;
    expect(result.accelerator).toBeUndefined();
  });

  it('the same guest twice at once', async () => {
    const incoming = await receive({ listen: 'tcp:127.0.0.1:0' });
    const first = migrate({ guest, to: incoming.address, accelerator: PLAIN });
    const second = migrate({ guest, to: incoming.address, accelerator: PLAIN });
    expectFailure(await outcomeOf(second, 'the second'), 'usage', /is being migrated already/);
    await Promise.all([first, incoming.result]);
  });
});

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
    expectFailure(outcome.sent, 'peer-closed');
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
