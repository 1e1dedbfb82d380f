import { type DestinationEvent, machineCompat, migrate, parametersFor, receive, relay } from '@multifd/core';
import { describe, expect, it } from 'vitest';
import { PLAIN } from '../support/fixtures.js';
import { createGuestRam, expectSameRam } from '../support/ram.js';

const OLD = { multifdFlushAfterEachSection: true, zeroPageDetection: 'legacy' };
const BETWEEN = { multifdFlushAfterEachSection: false, zeroPageDetection: 'legacy' };
const NEW = { multifdFlushAfterEachSection: false, zeroPageDetection: 'multifd' };

describe('what a machine type says of its QEMU', () => {
  it.each([
    ['pc-q35-7.2', OLD],
    ['pc-i440fx-7.2', OLD],
    ['pc-i440fx-2.12', OLD],
    ['pc-q35-4.0.1', OLD],
    ['virt-8.0', OLD],
    ['s390-ccw-virtio-7.2', OLD],
    ['pseries-7.2', OLD],
    ['pseries-2.12-sxxm', OLD],
    ['pc-q35-8.0+pve0', OLD],
    ['pc-q35-8.1', BETWEEN],
    ['virt-8.2', BETWEEN],
    ['pc-q35-9.0', NEW],
    ['pc-q35-10.0', NEW],
    ['pc-i440fx-11.1', NEW],
    // Nothing is known of these: they have no version, or one that is not QEMU's.
    ['none', undefined],
    ['raspi3b', undefined],
    ['pc-q35-rhel9.2.0', undefined],
    ['pc-q35-noble-v2', undefined],
    ['pc-q35-', undefined],
    ['7.2', undefined],
    ['pc-q35-7', undefined],
    ['pc-q35-7.2x', undefined],
  ])('%s', (machineType, compat) => expect(machineCompat(machineType)).toEqual(compat));

  it('comes before the defaults, and behind what was given', () => {
    expect(parametersFor('virt-7.2')).toMatchObject(OLD);
    expect(parametersFor('virt-7.2', { zeroPageDetection: 'none' })).toMatchObject({
      multifdFlushAfterEachSection: true,
      zeroPageDetection: 'none',
    });
    expect(parametersFor('virt-7.2', { multifdFlushAfterEachSection: false })).toMatchObject(BETWEEN);
    expect(parametersFor('none')).toMatchObject(NEW);
  });
});

/** The flush records on main, and zero pages: what a destination sees of it. */
async function mainOf(machineType: string, given = {}) {
  const ram = createGuestRam({ seed: 7, blocks: [{ name: 'pc.ram', length: 2 ** 22 }], live: false });
  const incoming = await receive({ listen: 'tcp:127.0.0.1:0' });
  await migrate({ guest: { ram, machineType }, to: incoming.address, accelerator: PLAIN, parameters: given });
  const { statistics, ram: there } = await incoming.result;
  expectSameRam(there, ram);
  return statistics.received - statistics.multifdBytes;
}

it('a guest of a program: its machine type decides where zero pages go, unless it is told', async () => {
  // 9 bytes for each zero page on main.
  const plain = await mainOf('none');
  expect(await mainOf('pc-q35-7.2')).toBeGreaterThan(plain + 2000);
  expect(await mainOf('pc-q35-7.2', { zeroPageDetection: 'multifd' })).toBeLessThan(plain + 100);
});

it.each([
  ['virt-7.2', {}, OLD],
  ['virt-8.1', {}, BETWEEN],
  ['virt-10.0', {}, NEW],
  ['raspi3b', {}, NEW],
  ['virt-7.2', { zeroPageDetection: 'none' }, { ...OLD, zeroPageDetection: 'none' }],
  ['virt-7.2', { multifdFlushAfterEachSection: false, zeroPageDetection: 'multifd' }, NEW],
] as const)('a relay of %s, given %o', async (machineType, given, expected) => {
  const ram = createGuestRam({ seed: 9, blocks: [{ name: 'pc.ram', length: 2 ** 23 }], live: false });
  const incoming = await receive({ listen: 'tcp:127.0.0.1:0' });
  const events: DestinationEvent[] = [];
  const relaying = await relay({
    listen: 'tcp:127.0.0.1:0',
    to: incoming.address,
    outgoing: given,
    accelerator: PLAIN,
    onEvent: (event) => events.push(event),
  });
  await migrate({
    guest: { ram, machineType },
    to: relaying.address,
    accelerator: PLAIN,
    // Whatever the source does, the destination is spoken to in its own way.
    parameters: { multifdFlushAfterEachSection: false, zeroPageDetection: 'multifd' },
  });
  const { outgoing } = await relaying.result;
  const received = await incoming.result;
  expectSameRam(received.ram, ram);
  expect(outgoing).toMatchObject(expected);
  const onMain = received.statistics.received - received.statistics.multifdBytes;
  if (expected.zeroPageDetection === 'legacy') expect(onMain).toBeGreaterThan(3000);
  else expect(onMain).toBeLessThan(3000);
  const compat = machineCompat(machineType);
  expect(events.filter(({ type }) => type === 'machine-compat')).toEqual(
    compat === undefined ? [] : [{ type: 'machine-compat', machineType, compat }],
  );
});
