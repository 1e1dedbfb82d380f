import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    globalSetup: '@multifd/testing/global-setup',
    include: ['test/**/*.test.ts'],
    // Bounds against a hang, never a measure of speed.
    testTimeout: 120_000,
    hookTimeout: 60_000,
    teardownTimeout: 10_000,
    // A migration is a dozen threads by itself, but much of the time a test waits for somebody to give up: three test files
    // at a time fill two cores.
    pool: 'forks',
    maxWorkers: 3,
  },
});
