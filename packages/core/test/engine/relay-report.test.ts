import { migrate } from '@multifd/core';
import { testSeed } from '@multifd/testing/random';
import { expect, it } from 'vitest';
import { destination, relayTo } from '../support/ends.js';
import { PLAIN } from '../support/fixtures.js';
import { expectValue, outcomeOf } from '../support/outcome.js';
import { createGuestRam, MIB } from '../support/ram.js';

it('a relay waits for the report of its destination, however long that takes', async () => {
  const parameters = { multifdChannels: 1 };
  const { incoming } = await destination({
    parameters,
    async report() {
      await new Promise((resolve) => setTimeout(resolve, 4000));
      return Buffer.from('a report');
    },
  });
  const between = await relayTo(incoming.address, parameters);
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
