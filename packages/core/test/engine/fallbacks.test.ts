import { testSeed } from '@multifd/testing/random';
import { describe, expect, it } from 'vitest';
import type { SourceEvent } from '../../src/engine/api.js';
import { broken, PLAIN } from '../support/fixtures.js';
import { gathering, seenHere } from '../support/gathering.js';
import { expectFailure } from '../support/outcome.js';
import { move, tryToMove } from '../support/pair.js';
import { createGuestRam, MIB } from '../support/ram.js';

const seed = testSeed();

function replacements(events: readonly SourceEvent[]) {
  return events.flatMap((event) => (event.type === 'accelerator-replaced' ? [event.replacement] : []));
}

describe.each(['multifd', 'legacy'] as const)('an accelerator is lost midway, %s', (zeroPageDetection) => {
  const parameters = { zeroPageDetection, multifdChannels: 3, stallTimeout: 4000 };
  const blocks = [{ name: 'pc.ram', length: 130 * MIB }];

  it.each([
    ['one batch at a time', broken('rejects')],
    ['with several batches in flight', gathering('is-lost')],
    ['when it is opened', broken('throws-in-open')],
  ])('auto: %s, the next best goes on, once and with a word', async (_what, accelerator) => {
    const ram = createGuestRam({ seed, blocks });
    const events: SourceEvent[] = [];
    const fallbacks = [broken('throws-in-open'), PLAIN];
    const { sent } = await move({
      guest: { ram },
      parameters,
      source: { accelerator, fallbacks, onEvent: (event) => void events.push(event) },
    });
    const [replaced, ...others] = replacements(events);
    expect(others).toEqual([]);
    expect(replaced).toMatchObject({ failed: accelerator.name, by: PLAIN });
    expect(replaced?.reason).toMatch(/device lost|no such device/);
    expect(sent.accelerator).toEqual(PLAIN);
    expect(sent.replaced).toEqual([replaced]);
  });

  it('named: the migration ends, and says which', async () => {
    const ram = createGuestRam({ seed, blocks });
    const outcome = await tryToMove({
      guest: { ram },
      parameters,
      source: { accelerator: gathering('is-lost') },
    });
    expectFailure(outcome.sent, ['accelerator'], /accelerator is-lost failed: device lost/);
    await move({ guest: { ram } });
  });

  it('nobody is left: the first failure is the one that is told', async () => {
    const outcome = await tryToMove({
      guest: { ram: createGuestRam({ seed, blocks }) },
      parameters,
      source: { accelerator: gathering('is-lost'), fallbacks: [broken('throws-in-open')] },
    });
    expectFailure(outcome.sent, ['accelerator'], /accelerator is-lost failed: device lost/);
  });

  it('a wrong answer is no failure that anybody goes on from', async () => {
    const outcome = await tryToMove({
      guest: { ram: createGuestRam({ seed, blocks }) },
      parameters,
      source: { accelerator: broken('answers-two'), fallbacks: [PLAIN] },
    });
    expectFailure(outcome.sent, ['accelerator'], /answered 2/);
  });
});

describe('a device that threads share', () => {
  it.each([
    ['multifd', 3],
    ['legacy', 1],
    ['none', 0],
  ] as const)(
    '%s: opened once, with a line for each thread that checks, and closed',
    async (detection, lines) => {
      const seen = await seenHere();
      const before = { ...seen };
      const ram = createGuestRam({ seed, blocks: [{ name: 'pc.ram', length: 40 * MIB }] });
      const parameters = { zeroPageDetection: detection, multifdChannels: 3 };
      await move({ guest: { ram }, parameters, source: { accelerator: gathering('shares') } });
      expect(seen.lines - before.lines).toBe(lines);
      expect(seen.shares - before.shares).toBe(Math.min(1, lines));
      expect(seen.closes - before.closes).toBe(Math.min(1, lines));
    },
  );

  it('cannot be shared: the migration ends before it has begun', async () => {
    const ram = createGuestRam({ seed });
    const outcome = await tryToMove({
      guest: { ram },
      source: { accelerator: gathering('cannot-share') },
      waitsOn: true,
    });
    expectFailure(outcome.sent, ['accelerator'], /cannot-share: the device is taken/);
    await move({ guest: { ram } });
  });
});
