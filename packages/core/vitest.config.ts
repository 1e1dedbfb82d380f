import { configDefaults, defineConfig } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

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

/** Those of them that take half a minute and more begin first, the longest before all: none runs on alone at the end. */
const LONGEST = [
  'farewell',
  'broken-methods',
  'strangers',
  'raw-source',
  'waits',
  'left-over-channels',
  'faults',
  'zero/registry',
  'broken-accelerators',
  'hostile',
  'unfit-sources',
].map((name) => `/${name}.test.ts`);

class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const place = ({ moduleId }: TestSpecification): number => {
      const at = LONGEST.findIndex((name) => moduleId.endsWith(name));
      return at < 0 ? LONGEST.length : at;
    };
    return (await super.sort(files)).sort((a, b) => place(a) - place(b));
  }
}

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
    sequence: { sequencer: LongestFirst },
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
