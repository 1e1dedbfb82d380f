import { defineConfig } from 'vitest/config';

/** Features together: every pair of values once, about a minute, or as long as `pnpm matrix --minutes N` says. */
export default defineConfig({
  test: {
    globalSetup: '@multifd/testing/global-setup',
    include: ['test/matrix/**/*.test.ts'],
    fileParallelism: false,
  },
});
