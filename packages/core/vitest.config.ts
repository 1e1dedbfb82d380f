import { longestFirst } from '@multifd/testing/longest-first';
import { configDefaults, defineConfig } from 'vitest/config';

/**
 * Test files that mostly wait, for somebody to give up: each keeps a core busy for less than two fifths of its time, some for
 * a tenth. What they wait out are limits of the product, so the files that do keep cores busy do not run beside them.
 */
const WAITING = [
  'engine/agreement',
  'engine/broken-accelerators',
  'engine/broken-methods',
  'engine/channel-count',
  'engine/connecting',
  'engine/farewell',
  'engine/faults',
  'engine/first-failure',
  'engine/hostile',
  'engine/left-over-channels',
  'engine/listening',
  'engine/lost-at-the-end',
  'engine/not-begun',
  'engine/not-waiting',
  'engine/packet-numbers',
  'engine/raw-source',
  'engine/reason-believed',
  'engine/reasons',
  'engine/reasons-asked-for',
  'engine/strangers',
  'engine/tls-strangers',
  'engine/unfit-sources',
  'engine/waits',
  'engine/who-has-the-guest',
  'zero/registry',
].map((name) => `test/${name}.test.ts`);

/** Those of them that take half a minute and more. */
const LONGEST = [
  'engine/farewell',
  'engine/broken-methods',
  'engine/strangers',
  'engine/raw-source',
  'engine/waits',
  'engine/left-over-channels',
  'engine/faults',
  'zero/registry',
  'engine/broken-accelerators',
  'engine/hostile',
  'engine/unfit-sources',
].map((name) => `test/${name}.test.ts`);

const shared = {
  // Bounds against a hang, never a measure of speed.
  testTimeout: 120_000,
  hookTimeout: 60_000,
  teardownTimeout: 10_000,
  pool: 'forks',
} as const;

export default defineConfig({
  test: {
    globalSetup: '@multifd/testing/global-setup',
    sequence: { sequencer: longestFirst(LONGEST) },
    projects: [
      { test: { ...shared, name: 'waiting', include: WAITING, maxWorkers: 6, sequence: { groupOrder: 0 } } },
      {
        test: {
          ...shared,
          name: 'working',
          include: ['test/**/*.test.ts'],
          exclude: [...configDefaults.exclude, ...WAITING],
          // A migration is a dozen threads by itself: three test files at a time fill two cores.
          maxWorkers: 3,
          sequence: { groupOrder: 1 },
        },
      },
    ],
  },
});
