import { AcceleratorRegistry, type Guest, type SourceEvent } from '@multifd/core';
import { testSeed } from '@multifd/testing/random';
import { describe, expect, it } from 'vitest';
import { fixture, PLAIN } from '../support/fixtures.js';
import { expectFailure } from '../support/outcome.js';
import { move, tryToMove } from '../support/pair.js';
import { createGuestRam, MIB } from '../support/ram.js';

const seed = testSeed();
const PROBED = fixture('probed.mjs');

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

  it.each(['text', 'reference'])('is asked first whether it can run here: %s', async (form) => {
    const option = (name: string) => (form === 'text' ? `${PROBED}:${name}` : { module: PROBED, name });
    for (const zeroPageDetection of ['multifd', 'legacy'] as const) {
      const guest = makeGuest();
      const parameters = { zeroPageDetection };
      await move({ guest, parameters, source: { accelerator: option('asked') } });
      for (const name of ['absent', 'absent-device']) {
        const source = { accelerator: option(name) };
        const { sent } = await tryToMove({ guest, parameters, source, waitsOn: true });
        const words = /cannot run here: there is no \/dev\/mine$/;
        expect(expectFailure(sent, 'accelerator-unavailable', words).hint).toMatch(/^modprobe mine/);
      }
    }
  });

  it('is asked once if its device is shared, not in each thread', async () => {
    const parameters = { zeroPageDetection: 'multifd', multifdChannels: 3 } as const;
    const accelerator = { module: PROBED, name: 'shared-asked' };
    const { sent } = await move({ guest: makeGuest(), parameters, source: { accelerator } });
    expect(sent.accelerator).toEqual(accelerator);
  });

  it('that cannot run is replaced by one that can', async () => {
    const fallbacks = [{ module: PROBED, name: 'absent-device' }, PLAIN];
    const guest = makeGuest();
    const accelerator = { module: PROBED, name: 'absent' };
    const { sent } = await move({ guest, source: { accelerator, fallbacks } });
    expect(sent.accelerator).toEqual(PLAIN);
  });

  it('is refused at once if its module is no URL', async () => {
    const accelerator = { module: './mine.mjs', name: 'mine' };
    const { sent } = await tryToMove({ guest: makeGuest(), source: { accelerator }, waitsOn: true });
    expect(expectFailure(sent, 'usage', /its module is no URL/).hint).toContain('import.meta.resolve');
  });

  it('is refused at once if it is no URL with a name', async () => {
    const guest = makeGuest();
    const { sent } = await tryToMove({ guest, source: { accelerator: 'js' }, waitsOn: true });
    expect(expectFailure(sent, 'usage', /accelerator "js"/).hint).toContain('import.meta.resolve');
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
