import type { Guest } from '@multifd/core';
import { testSeed } from '@multifd/testing/random';
import { describe, expect, it, vi } from 'vitest';
import { expectFailure, expectValue } from '../support/outcome.js';
import { move, tryToMove, turnedAway } from '../support/pair.js';
import { createGuestRam } from '../support/ram.js';
import { altered } from '../support/untyped.js';
import { countedGuest } from '../support/watched-guest.js';

const seed = testSeed();
describe('both ends must fit together', () => {
  it('machine type', async () => {
    const guest = { ...countedGuest(), machineType: 'pc-q35-10.0' };
    const good = await move({ guest, destination: { machineType: 'pc-q35-10.0' } });
    expect(good.received.machineType).toBe('pc-q35-10.0');
    const reasons = await turnedAway({ guest, destination: { machineType: 'pc-q35-9.2' } });
    expect(reasons.join('\n')).toMatch(/machine type.*pc-q35-9.2.*pc-q35-10.0.*give both ends the same/);
    await move({ guest });
  });

  it('a machine type full of control characters does not reach the terminal', async () => {
    const guest = { ...countedGuest(), machineType: 'pc\u001b[2J\nq35' };
    const reasons = await turnedAway({ guest, destination: { machineType: 'pc' } });
    expect(reasons.join(' ')).toMatch(/machine type/);
    expect(reasons.join(' ')).not.toContain('\u001b');
  });

  it('uuid', async () => {
    const uuid = Uint8Array.from({ length: 16 }, (_, index) => index);
    await move({ guest: { ...countedGuest(), uuid }, destination: { uuid } });
    const guest = countedGuest();
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
});

describe('the end of a migration', () => {
  it('device state arrives as it was', async () => {
    const state = [
      { idstr: 'timer', instanceId: 0, versionId: 2, body: Uint8Array.from({ length: 24 }, (_, i) => i) },
      { idstr: 'vcpu', instanceId: 7, versionId: 1, body: new Uint8Array(70_000).fill(0x7e) },
      { idstr: 'empty', instanceId: 0, versionId: 1, body: new Uint8Array(0) },
    ];
    const guest = { ...countedGuest(), deviceState: () => state };
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
    const watched = countedGuest();
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
    const again = await move({ guest: { ...countedGuest(), rawDeviceState: () => rawDeviceState } });
    expect(again.received.deviceState).toEqual([...early, late]);
    expect(again.received.rawDeviceState).toEqual(rawDeviceState);
  });

  it('a report is given to a source that asks, and only to it', async () => {
    const report = vi.fn(() => new Uint8Array(65535).fill(0x33));
    const asked = await move({
      guest: countedGuest(),
      source: { requestReport: true },
      destination: { report },
    });
    expect(asked.sent.report).toEqual(new Uint8Array(65535).fill(0x33));
    expect(asked.received.deviceState).toEqual([]);
    const silent = await move({ guest: countedGuest(), destination: { report } });
    expect(silent.sent.report).toBeUndefined();
    expect(report).toHaveBeenCalledTimes(1);
  });

  it('a destination that has no report: the migration is complete all the same', async () => {
    const events: string[] = [];
    const { sent } = await move({
      guest: countedGuest(),
      source: { requestReport: true, onEvent: (event) => events.push(event.type) },
    });
    expect(sent.report).toBeUndefined();
    expect(events).toContain('warning');
  });

  it('a report callback that throws undoes nothing', async () => {
    const { sent } = await move({
      guest: countedGuest(),
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
      guest: countedGuest(),
      source: { requestReport: true },
      destination: { report: () => new Uint8Array(65536) },
    });
    expectValue(outcome.received);
    const { report } = expectValue(outcome.sent);
    expect(Buffer.from(report ?? []).toString()).toMatch(/at most 65535 bytes, returned 65536/);
  });

  it('a report that is no bytes undoes nothing, and the source hears of it', async () => {
    const outcome = await tryToMove({
      guest: countedGuest(),
      source: { requestReport: true },
      destination: altered({}, 'report', () => 'all is well'),
    });
    expectValue(outcome.received);
    const { report } = expectValue(outcome.sent);
    expect(Buffer.from(report ?? []).toString()).toMatch(/report callback must return .* returned a string/);
  });

  it.each([
    ['uuid', 'sixteen letters.', /a uuid is a Uint8Array of 16 bytes, got a string/],
    ['machineType', '', /machineType must be 1 to 255 bytes/],
    ['machineType', 'x'.repeat(300), /machineType must be 1 to 255 bytes/],
    ['machineType', 7, /machineType must be .* is 7/],
  ])('a guest with %s %j is refused before anything is connected', async (member, value, says) => {
    const outcome = await tryToMove({ guest: altered<Guest>(countedGuest(), member, value), waitsOn: true });
    expectFailure(outcome.sent, 'usage', says);
    expectFailure(outcome.received, 'cancelled');
  });

  it('commit comes before the source is told; if it throws the source fails and its guest runs on', async () => {
    const guest = countedGuest();
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
    const guest = countedGuest();
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
    const guest = countedGuest();
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
