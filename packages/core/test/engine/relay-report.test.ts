import { migrate, receive, relay } from '@multifd/core';
import { testSeed } from '@multifd/testing/random';
import { afterEach, expect, it } from 'vitest';
import { PLAIN } from '../support/fixtures.js';
import { expectValue, outcomeOf } from '../support/outcome.js';
import { createGuestRam, MIB } from '../support/ram.js';

const toClose: { close(): void }[] = [];
afterEach(() => {
  for (const each of toClose.splice(0)) each.close();
});

it('a relay waits for the report of its destination, however long that takes', async () => {
  const parameters = { multifdChannels: 1 };
  const end = await receive({
    listen: 'tcp:127.0.0.1:0',
    parameters,
    async report() {
      await new Promise((resolve) => setTimeout(resolve, 4000));
      return Buffer.from('a report');
    },
  });
  const between = await relay({
    listen: 'tcp:127.0.0.1:0',
    to: end.address,
    incoming: parameters,
    outgoing: { ...parameters, zeroPageDetection: 'none' },
  });
  toClose.push(end, between);
  const sent = migrate({
    to: between.address,
    guest: { ram: createGuestRam({ seed: testSeed(), blocks: [{ name: 'pc.ram', length: 2 * MIB }] }) },
    accelerator: PLAIN,
    parameters,
    requestReport: true,
  });
  const { report } = expectValue(await outcomeOf(sent, 'migrate'));
  expect(Buffer.from(report ?? []).toString()).toBe('a report');
  expectValue(await outcomeOf(between.result, 'relay'));
});
