import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    globalSetup: '@multifd/testing/global-setup',
    include: ['test/unit/**/*.test.ts'],
    // Generous: these tests run on busy machines with two cores.
    testTimeout: 60_000,
  },
});
