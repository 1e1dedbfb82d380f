import { migrate, receive, relay } from '@multifd/core';
import { expect, it } from 'vitest';
import { PLAIN } from '../support/fixtures.js';
import { createGuestRam, expectSameRam } from '../support/ram.js';

const EARLY = {
  idstr: 'memory',
  instanceId: 3,
  versionId: 1,
  body: new Uint8Array(9).fill(0x7e),
  early: true,
};
const LATE = { idstr: 'timer', instanceId: 0, versionId: 2, body: Uint8Array.of(1, 2, 3) };

/** A destination of ours refuses early state at any other place. */
it.each([
  [true, 'legacy'],
  [true, 'multifd'],
  [false, 'legacy'],
  [false, 'none'],
] as const)(
  'a relay passes early state on at its place, per section %s, %s',
  async (perSection, detection) => {
    const ram = createGuestRam({ seed: 5, blocks: [{ name: 'pc.ram', length: 2 ** 24 }], live: false });
    const incoming = await receive({ listen: 'tcp:127.0.0.1:0' });
    const relaying = await relay({
      listen: 'tcp:127.0.0.1:0',
      to: incoming.address,
      incoming: { multifdChannels: 2 },
      outgoing: { multifdChannels: 2, zeroPageDetection: detection },
      accelerator: PLAIN,
    });
    await migrate({
      guest: { ram, deviceState: () => [{ ...EARLY, early: true }, LATE] },
      to: relaying.address,
      accelerator: PLAIN,
      parameters: {
        multifdChannels: 2,
        multifdFlushAfterEachSection: perSection,
        zeroPageDetection: 'legacy',
      },
    });
    await relaying.result;
    const received = await incoming.result;
    expect(received.deviceState).toEqual([EARLY, LATE]);
    expectSameRam(received.ram, ram);
  },
);
