import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    globalSetup: '@multifd/testing/global-setup',
    // Bounds against a hang, never a measure of speed.
    testTimeout: 120_000,
    hookTimeout: 60_000,
    pool: 'forks',
    maxWorkers: 2,
  },
});
