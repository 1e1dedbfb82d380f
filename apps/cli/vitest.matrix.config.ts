import { defineConfig } from 'vitest/config';

/** Features together: about two minutes, or as long as `pnpm matrix --minutes N` says. */
export default defineConfig({
  test: {
    globalSetup: '@multifd/testing/global-setup',
    include: ['test/matrix/**/*.test.ts'],
    fileParallelism: false,
  },
});
