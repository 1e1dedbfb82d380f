import { migrate } from '@multifd/core';
import { testSeed } from '@multifd/testing/random';
import { PLAIN } from './fixtures.js';
import { outcomeOf } from './outcome.js';
import { createGuestRam, MIB } from './ram.js';

const seed = testSeed();

/** A running guest, and what was called of it. Each page is filled with ones. */
export function watchedGuest(length = 4 * MIB) {
  const calls: string[] = [];
  return {
    calls,
    guest: {
      ram: createGuestRam({
        seed,
        live: true,
        blocks: [{ name: 'pc.ram', length }],
        fill: (page) => page.fill(1),
      }),
      stop: () => void calls.push('stop'),
      resume: () => void calls.push('resume'),
    },
  };
}

/** Migrates `guest`, with limits that are right for a destination that does not do its part. */
export function trying(to: string, guest: ReturnType<typeof watchedGuest>['guest'], more = {}) {
  const parameters = { setupTimeout: 10_000, stallTimeout: 1000, ...more };
  return outcomeOf(migrate({ guest, to, accelerator: PLAIN, parameters }), 'migrate');
}
