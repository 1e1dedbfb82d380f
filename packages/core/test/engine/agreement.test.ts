import { allocateGuestRam } from '@multifd/core';
import { testSeed } from '@multifd/testing/random';
import { describe, expect, it, vi } from 'vitest';
import { expectFailure, expectValue } from '../support/outcome.js';
import { move, tryToMove, turnedAway } from '../support/pair.js';
import { createGuestRam, MIB } from '../support/ram.js';

const seed = testSeed();
const blocks = [
  { name: 'pc.ram', length: 4 * MIB },
  { name: 'pc.bios', length: 0x40000 },
];

/** A live guest that only counts what is done to it. */
function watchedGuest() {
  const stop = vi.fn();
  const resume = vi.fn();
  return { ram: createGuestRam({ seed, blocks, live: true }), stop, resume };
}

describe('both ends must fit together', () => {
  it('machine type', async () => {
    const guest = { ...watchedGuest(), machineType: 'pc-q35-10.0' };
    const good = await move({ guest, destination: { machineType: 'pc-q35-10.0' } });
    expect(good.received.machineType).toBe('pc-q35-10.0');
    const reasons = await turnedAway({ guest, destination: { machineType: 'pc-q35-9.2' } });
    expect(reasons.join('\n')).toMatch(/machine type.*pc-q35-9.2.*pc-q35-10.0.*give both ends the same/);
    await move({ guest });
  });

  it('a machine type full of control characters does not reach the terminal', async () => {
    const guest = { ...watchedGuest(), machineType: 'pc\u001b[2J\nq35' };
    const reasons = await turnedAway({ guest, destination: { machineType: 'pc' } });
    expect(reasons.join(' ')).toMatch(/machine type/);
    expect(reasons.join(' ')).not.toContain('\u001b');
  });

  it('uuid', async () => {
    const uuid = Uint8Array.from({ length: 16 }, (_, index) => index);
    await move({ guest: { ...watchedGuest(), uuid }, destination: { uuid } });
    const guest = watchedGuest();
    expect((await turnedAway({ guest, destination: { uuid } })).join(' ')).toMatch(/uuid/);
    await move({ guest });
  });

  it('page size', async () => {
    const guest = {
      ram: createGuestRam({ seed, blocks: [{ name: 'pc.ram', length: 65536 }], pageSize: 65536 }),
    };
    const reasons = await turnedAway({
      guest,
      destination: { pageSize: 4096 },
      parameters: { stallTimeout: 2000, idleTimeout: 2000 },
    });
    expect(reasons.join(' ')).toMatch(/page bits.*expected 12 .*got 16/);
  });

  const refusals = [
    {
      what: 'that lacks a block',
      openRam: () => ({ blocks: allocateGuestRam(blocks.slice(0, 1)).blocks, allZero: true }),
      code: 'incompatible',
      says: /pc.bios: the source has 262144 bytes, this end no such block/,
    },
    {
      what: 'with a block of another length',
      openRam: () => ({
        blocks: allocateGuestRam([{ name: 'pc.ram', length: 8 * MIB }, ...blocks.slice(1)]).blocks,
        allZero: true,
      }),
      code: 'incompatible',
      says: /pc.ram: the source has 4194304 bytes, this end 8388608/,
    },
    {
      what: 'that throws',
      openRam: () => {
        throw new Error('no\nroom');
      },
      code: 'guest',
      says: /openRam.*no\s+room/,
    },
    {
      what: 'that rejects later',
      openRam: () => Promise.reject(new Error('no room')),
      code: 'guest',
      says: /openRam.*no room/,
    },
  ] as const;
  it.each(refusals)('openRam $what', async ({ openRam, code, says }) => {
    const guest = watchedGuest();
    const outcome = await tryToMove({ guest, destination: { openRam } });
    expectFailure(outcome.received, code, says);
    expectFailure(outcome.sent, code === 'incompatible' ? code : 'peer-closed', says);
    expect(guest.resume).toHaveBeenCalledTimes(guest.stop.mock.calls.length);
    await move({ guest });
  });

  it('a destination with more blocks than announced, in another order', async () => {
    const more = allocateGuestRam([{ name: 'vga.vram', length: MIB }, ...blocks.toReversed()]);
    const { received } = await move({
      guest: watchedGuest(),
      destination: { openRam: () => ({ blocks: more.blocks, allZero: true }) },
    });
    expect(received.ram.blocks.map((block) => block.name)).toEqual(['pc.ram', 'pc.bios']);
  });

  it('a file that cannot be opened on the destination', async () => {
    const missing = (block: { name: string; length: number }) =>
      ({ kind: 'file', ...block, path: '/nonexistent/ram', writable: true }) as const;
    const outcome = await tryToMove({
      guest: watchedGuest(),
      destination: { openRam: (announced) => ({ blocks: announced.map(missing), allZero: true }) },
    });
    expectFailure(outcome.received, 'io', /cannot open \/nonexistent\/ram/);
    expectFailure(outcome.sent, 'peer-closed', /^the destination says: .*cannot open \/nonexistent\/ram/);
  });
});

describe('the end of a migration', () => {
  it('device state arrives as it was', async () => {
    const state = [
      { idstr: 'timer', instanceId: 0, versionId: 2, body: Uint8Array.from({ length: 24 }, (_, i) => i) },
      { idstr: 'vcpu', instanceId: 7, versionId: 1, body: new Uint8Array(70_000).fill(0x7e) },
      { idstr: 'empty', instanceId: 0, versionId: 1, body: new Uint8Array(0) },
    ];
    const guest = { ...watchedGuest(), deviceState: () => state };
    for (const returnPath of [true, false]) {
      const { received } = await move({ guest, parameters: { returnPath } });
      expect(received.deviceState).toEqual(state);
      expect(received.rawDeviceState.vmdesc).toContain('vcpu');
    }
  });

  it('early state comes first, from the guest that still runs, and raw as it was', async () => {
    const late = { idstr: 'timer', instanceId: 0, versionId: 2, body: Uint8Array.of(1, 2, 3) };
    const early = [0, 1].map((instanceId) => {
      const body = new Uint8Array(70_000).fill(0x7e);
      return { idstr: 'memory', instanceId, versionId: 1, body, early: true } as const;
    });
    const order: string[] = [];
    const watched = watchedGuest();
    const guest = {
      ...watched,
      deviceState: (when: 'setup' | 'stopped') => {
        order.push(`${when}, ${watched.stop.mock.calls.length} stops`);
        return [late, ...early];
      },
    };
    const { received } = await move({ guest, source: { requestReport: true } });
    expect(order).toEqual(['setup, 0 stops', 'stopped, 1 stops']);
    expect(received.deviceState).toEqual([...early, late]);
    const { rawDeviceState } = received;
    const again = await move({ guest: { ...watchedGuest(), rawDeviceState: () => rawDeviceState } });
    expect(again.received.deviceState).toEqual([...early, late]);
    expect(again.received.rawDeviceState).toEqual(rawDeviceState);
  });

  it('a report is given to a source that asks, and only to it', async () => {
    const report = vi.fn(() => new Uint8Array(65535).fill(0x33));
    const asked = await move({
      guest: watchedGuest(),
      source: { requestReport: true },
      destination: { report },
    });
    expect(asked.sent.report).toEqual(new Uint8Array(65535).fill(0x33));
    expect(asked.received.deviceState).toEqual([]);
    const silent = await move({ guest: watchedGuest(), destination: { report } });
    expect(silent.sent.report).toBeUndefined();
    expect(report).toHaveBeenCalledTimes(1);
  });

  it('a destination that has no report: the migration is complete all the same', async () => {
    const events: string[] = [];
    const { sent } = await move({
      guest: watchedGuest(),
      source: { requestReport: true, onEvent: (event) => events.push(event.type) },
    });
    expect(sent.report).toBeUndefined();
    expect(events).toContain('warning');
  });

  it('a report callback that throws undoes nothing', async () => {
    const { sent } = await move({
      guest: watchedGuest(),
      source: { requestReport: true },
      destination: {
        report: () => {
          throw new Error('cannot hash');
        },
      },
    });
    expect(Buffer.from(sent.report ?? []).toString()).toContain('cannot hash');
  });

  it('a report that is too long undoes nothing', async () => {
    const outcome = await tryToMove({
      guest: watchedGuest(),
      source: { requestReport: true },
      destination: { report: () => new Uint8Array(65536) },
    });
    expectValue(outcome.received);
    expectValue(outcome.sent);
  });

  it('commit comes before the source is told; if it throws the source fails and its guest runs on', async () => {
    const guest = watchedGuest();
    const order: string[] = [];
    const outcome = await tryToMove({
      guest,
      source: { onEvent: (event) => event.type === 'status' && order.push(event.status) },
      destination: {
        commit: async (received) => {
          await new Promise((resolve) => setTimeout(resolve, 100));
          order.push(`commit ${received.ram.blocks.length}`);
          throw new Error('disk full');
        },
      },
    });
    expectFailure(outcome.received, 'guest', /commit.*disk full/);
    expectFailure(outcome.sent, 'peer-closed', /^the destination says: .*commit.*disk full/);
    expect(order).toEqual(['setup', 'active', 'device', 'commit 2', 'failed']);
    expect(guest.stop).toHaveBeenCalledTimes(1);
    expect(guest.resume).toHaveBeenCalledTimes(1);
    await move({ guest });
    expect(guest.resume).toHaveBeenCalledTimes(1);
  });

  it('a source that gave up while the destination commits: the guest runs in one place only', async () => {
    const guest = watchedGuest();
    const outcome = await tryToMove({
      guest,
      source: { parameters: { stallTimeout: 500 } },
      destination: { commit: () => new Promise((resolve) => setTimeout(resolve, 2500)) },
    });
    expectFailure(outcome.sent, 'timeout', /no word of completion/);
    expect(guest.resume).toHaveBeenCalledTimes(1);
    expectFailure(outcome.received, 'peer-closed');
    await move({ guest });
  });

  it.each(['stop', 'syncDirty', 'deviceState'] as const)('a %s callback that throws', async (name) => {
    const guest = watchedGuest();
    const failing = {
      ...guest,
      [name]: () => {
        throw new Error('vCPU stuck');
      },
    };
    // One that ends before its main stream has come to RAM was no source yet: the destination waits for the next.
    const isSetup = name === 'deviceState';
    const outcome = await tryToMove({ guest: failing, waitsOn: isSetup });
    expectFailure(outcome.sent, 'guest', new RegExp(`${name}.*vCPU stuck`));
    expectFailure(outcome.received, isSetup ? 'cancelled' : 'peer-closed');
    // Device state is asked for at setup already: the guest was never stopped.
    expect(guest.resume.mock.calls.length).toBe(name === 'stop' ? 1 : 0);
    await move({ guest });
  });
});
