import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/*.test.ts'],
    globalSetup: '@multifd/testing/global-setup',
    // Starts whole runs of vitest. A bound against a hang, never a measure of speed.
    testTimeout: 120_000,
  },
});
