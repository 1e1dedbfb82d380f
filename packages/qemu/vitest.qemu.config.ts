import { defineConfig } from 'vitest/config';
import { installedQemus } from './test/support/binaries.js';

/** End to end against real QEMU. Two cores carry two emulated guests and a migration: one file at a time. */
const here = installedQemus();
if (here.length < 2) {
  console.log(
    `tests against real QEMU: found ${here.join() || 'none'} of 7.2, 10.0; the rest is skipped (.ci/install-qemu)`,
  );
}

export default defineConfig({
  test: {
    include: here.length === 0 ? [] : ['test/e2e/**/*.test.ts'],
    passWithNoTests: here.length === 0,
    fileParallelism: false,
    testTimeout: 120_000,
    hookTimeout: 120_000,
  },
});
