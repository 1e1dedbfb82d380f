import { setImmediate as nextTurn } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import type { Claim, Group } from '../../src/engine/destination/group.js';
import { Readiness } from '../../src/engine/destination/readiness.js';

type Connected = Claim & { readonly heard: number };

const connection = (role: Claim['role'], channel: number, sourceChannels?: number): Connected => ({
  host: '127.0.0.1',
  role,
  channel,
  isSurplus: false,
  proven: role !== undefined,
  sourceChannels,
  firstPacket: channel,
  secondPacket: undefined,
  since: 0,
  heard: 0,
});

function groupOf(sourceChannels?: number): Group<Connected> {
  const main = connection('main', 0, sourceChannels);
  const channels = [connection('channel', 0), connection('channel', 1)];
  return { main, channels, hosts: new Set([main.host]), doubtful: new Set() };
}

describe('all connections of a source are there', () => {
  it('once a turn of the event loop has brought no other', async () => {
    const readiness = new Readiness();
    const group = groupOf();
    const pending = [group.main, ...group.channels];
    expect(readiness.isReached(group, pending, 0, 0)).toBe(false);
    // However often it is asked in one turn, and however late it is.
    expect(readiness.isReached(group, pending, 5000, 0)).toBe(false);
    await nextTurn();
    expect(readiness.isReached(group, pending, 5000, 0)).toBe(true);
  });

  it('not while each turn brings one, as of a source with more channels', async () => {
    const readiness = new Readiness();
    const group = groupOf();
    const pending = [group.main, ...group.channels];
    for (let others = 0; others < 3; others++) {
      expect(readiness.isReached(group, pending, 0, 0)).toBe(false);
      await nextTurn();
      pending.push(connection(undefined, 0));
    }
    expect(readiness.isReached(group, pending, 0, 0)).toBe(false);
  });

  it('at once, if the source has said how many it has', () => {
    const group = groupOf(2);
    expect(new Readiness().isReached(group, [group.main, ...group.channels], 0, 0)).toBe(true);
  });
});
