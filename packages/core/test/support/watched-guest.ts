import { migrate } from '@multifd/core';
import { testSeed } from '@multifd/testing/random';
import { type Mock, vi } from 'vitest';
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

/** Blocks of `countedGuest`. */
export const COUNTED_BLOCKS = [
  { name: 'pc.ram', length: 4 * MIB },
  { name: 'pc.bios', length: 0x40000 },
];

/** A live guest with mocks for `stop` and `resume`. */
export function countedGuest(): {
  readonly ram: ReturnType<typeof createGuestRam>;
  readonly stop: Mock<() => void>;
  readonly resume: Mock<() => void>;
} {
  return {
    ram: createGuestRam({ seed, blocks: COUNTED_BLOCKS, live: true }),
    stop: vi.fn<() => void>(),
    resume: vi.fn<() => void>(),
  };
}

/** Migrates `guest`, with limits that are right for a destination that does not do its part. */
export function trying(to: string, guest: ReturnType<typeof watchedGuest>['guest'], more = {}) {
  const parameters = { setupTimeout: 10_000, stallTimeout: 1000, ...more };
  return outcomeOf(migrate({ guest, to, accelerator: PLAIN, parameters }), 'migrate');
}
