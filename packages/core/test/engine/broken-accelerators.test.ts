import { testSeed } from '@multifd/testing/random';
import { describe, expect, it } from 'vitest';
import { broken, fixture } from '../support/fixtures.js';
import { expectFailure } from '../support/outcome.js';
import { move, tryToMove } from '../support/pair.js';
import { createGuestRam } from '../support/ram.js';

const seed = testSeed();

/** A guest that is taken for a running one; `stop` is never reached by these. */
function watchedGuest() {
  const calls: string[] = [];
  return {
    calls,
    guest: {
      ram: createGuestRam({ seed, live: true }),
      stop: () => void calls.push('stop'),
      resume: () => void calls.push('resume'),
    },
  };
}

describe.each(['multifd', 'legacy'] as const)('an accelerator that breaks, %s', (zeroPageDetection) => {
  it.each([
    ['throws-in-open', ['accelerator'], /throws-in-open could not be opened: no such device/],
    ['open-never-ends', ['accelerator'], /open-never-ends.*after 4000 ms/],
    ['exits-in-open', ['accelerator'], /exits-in-open took its thread down.*code 5/],
    ['throws', ['accelerator'], /throws failed: device lost/],
    ['rejects', ['accelerator'], /rejects failed: device lost/],
    ['never-answers', ['accelerator'], /never-answers gave no answer within 1000 ms/],
    ['loops', ['accelerator'], /loops gave no answer within 1000 ms/],
    ['leaves-a-page', ['accelerator'], /left a page unanswered/],
    ['answers-two', ['accelerator'], /answered 2/],
    // Its connection is gone with the thread: the destination's answer to that may be noticed before the thread's end.
    [
      'exits-1',
      ['accelerator', 'peer-closed'],
      /exits-1 took its thread down.*code 1|destination closed|connection broke/,
    ],
    [
      'exits-0',
      ['accelerator', 'peer-closed'],
      /exits-0 took its thread down.*code 0|destination closed|connection broke/,
    ],
    [
      'throws-outside',
      ['accelerator', 'peer-closed'],
      /took its thread down.*out of nowhere|destination closed|connection broke/,
    ],
    [
      'throws-after-its-answer',
      ['accelerator', 'peer-closed'],
      /throws-after-its-answer took its thread down.*an afterthought|destination closed|connection broke/,
    ],
  ] as const)('%s', async (name, codes, says) => {
    const { guest, calls } = watchedGuest();
    const waits = new AbortController();
    const outcome = await tryToMove({
      guest,
      parameters: {
        zeroPageDetection,
        // Far more than a busy machine needs, where it is not what ends the migration.
        setupTimeout: name === 'open-never-ends' ? 4000 : 30_000,
        stallTimeout: 1000,
      },
      source: { accelerator: broken(name) },
      // Longer than the source's: the destination must not be the first to find that nothing comes.
      destination: { signal: waits.signal, parameters: { stallTimeout: 30_000, idleTimeout: 30_000 } },
      sent: () => void setTimeout(() => waits.abort(), 1000),
    });
    expectFailure(outcome.sent, codes, says);
    expectFailure(outcome.received, ['peer-closed', 'cancelled', 'timeout']);
    expect(calls).toEqual([]);
    // The same guest goes elsewhere, with an accelerator that works.
    await move({ guest });
    expect(calls).toEqual(['stop']);
  });

  it('one that cannot close undoes nothing', async () => {
    const { guest } = watchedGuest();
    await move({
      guest,
      parameters: { zeroPageDetection },
      source: { accelerator: broken('throws-in-close') },
    });
  });

  it('one of another contract, and one that is not there', async () => {
    const { guest } = watchedGuest();
    for (const accelerator of [
      { module: fixture('wrong-version.mjs'), name: 'future' },
      { module: fixture('nowhere.mjs'), name: 'x' },
      broken('nobody'),
    ]) {
      const outcome = await tryToMove({
        guest,
        parameters: { zeroPageDetection },
        source: { accelerator },
        waitsOn: true,
      });
      expectFailure(outcome.sent, 'accelerator-unavailable');
    }
  });
});
