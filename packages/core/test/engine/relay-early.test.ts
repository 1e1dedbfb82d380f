import {
  allocateGuestRam,
  type DeviceSection,
  type Guest,
  migrate,
  type ReceiveResult,
  receive,
  relay,
} from '@multifd/core';
import { expect, it } from 'vitest';
import { PLAIN } from '../support/fixtures.js';
import { createGuestRam, expectSameRam } from '../support/ram.js';

const EARLY: DeviceSection = {
  idstr: 'memory',
  instanceId: 3,
  versionId: 1,
  body: new Uint8Array(9).fill(0x7e),
  early: true,
};
const LATE = { idstr: 'timer', instanceId: 0, versionId: 2, body: Uint8Array.of(1, 2, 3) };

/** As QEMU 11.1 has it. */
const BEFORE: DeviceSection = {
  ...EARLY,
  instanceId: 4,
  body: Uint8Array.of(0x7e, 0, 0, 0, 1, 4),
  beforeRam: true,
};

/** A destination of ours tells the two places apart, and refuses early state at any other. */
it.each([
  [true, 'legacy', [EARLY]],
  [true, 'multifd', [BEFORE]],
  [false, 'legacy', [BEFORE, EARLY]],
  [false, 'none', [EARLY]],
] satisfies [boolean, 'legacy' | 'multifd' | 'none', DeviceSection[]][])(
  'a relay passes early state on at its place, per section %s, %s',
  async (perSection, detection, early) => {
    const ram = createGuestRam({ seed: 5, blocks: [{ name: 'pc.ram', length: 2 ** 24 }], live: false });
    const { received, ahead } = await throughRelay(perSection, detection, {
      ram,
      deviceState: () => [...early, LATE],
    });
    expect(received.deviceState).toEqual([...early, LATE]);
    expect(ahead > 0).toBe(early.some(({ beforeRam }) => beforeRam === true));
    expectSameRam(received.ram, ram);
  },
);

it('what was received goes out again through a relay as it was, byte by byte: configuration and device state', async () => {
  const ram = createGuestRam({ seed: 6, blocks: [{ name: 'pc.ram', length: 2 ** 22 }], live: false });
  const uuid = Uint8Array.from({ length: 16 }, (_, index) => index + 1);
  const guest: Guest = { ram, uuid, machineType: 'virt-10.0', configuration: { targetPageBits: 12, uuid } };
  const state = [BEFORE, EARLY, LATE];
  const first = await throughRelay(false, 'multifd', { ...guest, deviceState: () => state });
  expect(first.received.configuration).toEqual({ targetPageBits: 12, uuid });
  const again = await throughRelay(true, 'legacy', {
    ...guest,
    configuration: first.received.configuration,
    rawDeviceState: () => first.received.rawDeviceState,
  });
  expect(again.received.configuration).toEqual(first.received.configuration);
  expect(again.received.rawDeviceState).toEqual(first.received.rawDeviceState);
  expect(again.ahead).toBe(first.received.rawDeviceState.beforeRam?.length);
});

it('page bits that are not those of the pages are refused', async () => {
  const ram = createGuestRam({ seed: 6, blocks: [{ name: 'pc.ram', length: 2 ** 20 }], live: false });
  const guest: Guest = { ram, configuration: { targetPageBits: 14 } };
  await expect(migrate({ guest, to: 'tcp:127.0.0.1:1', accelerator: PLAIN })).rejects.toMatchObject({
    code: 'usage',
  });
});

async function throughRelay(
  perSection: boolean,
  detection: 'legacy' | 'multifd' | 'none',
  guest: Guest,
): Promise<{ received: ReceiveResult; ahead: number }> {
  const uuid = guest.uuid ?? new Uint8Array(16);
  let ahead = -1;
  const incoming = await receive({
    listen: 'tcp:127.0.0.1:0',
    uuid,
    openRam: (blocks, bytes) => {
      ahead = bytes;
      return { blocks: allocateGuestRam(blocks, 4096).blocks, allZero: true };
    },
  });
  const relaying = await relay({
    listen: 'tcp:127.0.0.1:0',
    to: incoming.address,
    uuid,
    incoming: { multifdChannels: 2 },
    outgoing: { multifdChannels: 2, zeroPageDetection: detection },
    accelerator: PLAIN,
  });
  await migrate({
    guest,
    to: relaying.address,
    accelerator: PLAIN,
    parameters: {
      multifdChannels: 2,
      multifdFlushAfterEachSection: perSection,
      zeroPageDetection: 'legacy',
    },
  });
  await relaying.result;
  return { received: await incoming.result, ahead };
}
