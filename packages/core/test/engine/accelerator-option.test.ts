import { AcceleratorRegistry, type Guest, type SourceEvent } from '@multifd/core';
import { testSeed } from '@multifd/testing/random';
import { describe, expect, it } from 'vitest';
import { PLAIN } from '../support/fixtures.js';
import { expectFailure } from '../support/outcome.js';
import { move, tryToMove } from '../support/pair.js';
import { createGuestRam, MIB } from '../support/ram.js';

const seed = testSeed();

function makeGuest(length = 4 * MIB): Guest {
  return { ram: createGuestRam({ seed, blocks: [{ name: 'pc.ram', length }] }) };
}

describe('the accelerator of a migration', () => {
  it('may be named in one text', async () => {
    const guest = makeGuest();
    const { sent } = await move({ guest, source: { accelerator: `${PLAIN.module}:batch-of-one` } });
    expect(sent.accelerator).toEqual({ module: PLAIN.module, name: 'batch-of-one' });
  });

  it('may be what the registry chose', async () => {
    const registry = new AcceleratorRegistry();
    registry.register(PLAIN.module);
    const choice = await registry.choose(PLAIN.name);
    const guest = makeGuest();
    const { sent } = await move({ guest, source: { accelerator: choice } });
    expect(sent.accelerator).toEqual(choice.accelerator);
  });

  it('is refused at once if it is no URL with a name', async () => {
    const guest = makeGuest();
    const { sent } = await tryToMove({ guest, source: { accelerator: 'js' }, waitsOn: true });
    expect(expectFailure(sent, 'usage', /accelerator "js"/).hint).toContain('MODULE:NAME');
  });
});

describe('progress', () => {
  it('counts the rounds from 1, and tells when the end is expected', async () => {
    const events: Extract<SourceEvent, { type: 'progress' }>[] = [];
    const onEvent = (event: SourceEvent): void => void (event.type === 'progress' && events.push(event));
    // Large enough that not all of it is claimed at once.
    const guest = makeGuest(64 * MIB);
    const { sent } = await move({ guest, parameters: { maxBandwidth: 32 * MIB }, source: { onEvent } });
    for (const { round, statistics } of events) {
      expect(round).toBe(statistics.dirtySyncCount);
      if (statistics.remaining === 0) expect(statistics.expectedEnd).toBe(0);
    }
    expect(events.some(({ round }) => round === 1)).toBe(true);
    expect(events.some(({ statistics }) => (statistics.expectedEnd ?? 0) > 0)).toBe(true);
    expect(sent.statistics.expectedEnd).toBe(0);
  });
});
