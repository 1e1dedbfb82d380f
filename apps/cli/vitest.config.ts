import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    globalSetup: '@multifd/testing/global-setup',
    include: ['test/**/*.test.ts'],
    // vitest.qemu.config.ts and vitest.matrix.config.ts have those.
    exclude: ['test/qemu/**', 'test/matrix/**'],
    // The end-to-end tests start processes with several busy threads each: one file at a time, so that a machine
    // with two cores is not the test's enemy. No timing decides a test; these limits only say "it hangs".
    maxWorkers: 2,
    testTimeout: 60_000,
    hookTimeout: 60_000,
  },
});
