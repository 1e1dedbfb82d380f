import { migrate, receive } from '@multifd/core';
import { testSeed } from '@multifd/testing/random';
import { describe, expect, it } from 'vitest';
import { PLAIN } from './support/fixtures.js';
import { expectFailure, outcomeOf } from './support/outcome.js';
import { createGuestRam, MIB } from './support/ram.js';

const seed = testSeed();
const guest = { ram: createGuestRam({ seed, blocks: [{ name: 'pc.ram', length: MIB }] }) };
const NOWHERE = 'tcp:127.0.0.1:1';

describe('what cannot be right is refused before anything happens', () => {
  const parameters = [
    [{ multifdChannels: 0 }, /multifdChannels must be a whole number from 1 to 255, got 0/],
    [{ multifdChannels: 256 }, /got 256/],
    [{ multifdChannels: 1.5 }, /got 1.5/],
    [{ multifdChannels: Number.NaN }, /got NaN/],
    [{ maxBandwidth: -1 }, /maxBandwidth/],
    [{ downtimeLimit: 2_000_001 }, /downtimeLimit/],
    [{ cpuThrottleInitial: 0 }, /cpuThrottleInitial must be a whole number from 1 to 99, got 0/],
    [{ cpuThrottleIncrement: 100 }, /cpuThrottleIncrement/],
    [{ cpuThrottleInitial: 50, maxCpuThrottle: 40 }, /maxCpuThrottle must be a whole number from 50 to 99/],
    [{ throttleTriggerThreshold: 101 }, /throttleTriggerThreshold/],
    [{ maxRounds: -1 }, /maxRounds/],
    [{ timeout: 1.5 }, /timeout/],
    [{ setupTimeout: 0 }, /setupTimeout/],
    [{ stallTimeout: 2 ** 31 }, /stallTimeout/],
    [{ idleTimeout: -5 }, /idleTimeout/],
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
    const error = expectFailure(outcome, 'accelerator-unavailable', /zeroPageDetection multifd needs/);
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
