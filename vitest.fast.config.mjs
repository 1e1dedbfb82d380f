import { defineConfig } from 'vitest/config';

/**
 * `pnpm test:fast`, for daily work: meant to stay under a minute on an idle machine with two cores. Every test file of
 * the packages is in it but those below; `pnpm test` runs them all.
 */
export default defineConfig({
  test: {
    globalSetup: './packages/testing/src/global-setup.ts',
    include: ['packages/*/test/**/*.test.ts', 'apps/*/test/**/*.test.ts'],
    exclude: [
      '**/node_modules/**',
      // Whole processes, whole migrations, real QEMU.
      '**/test/e2e/**',
      '**/test/qemu/**',
      '**/test/matrix/**',
      '**/test/**/end-to-end.test.ts',
      // Of the engine only what is pure.
      'packages/core/test/engine/!(pure|line-rate|method-decision|machine-compat).test.ts',
      // Waits until modules that hang have had their time.
      'packages/core/test/zero/registry.test.ts',
      // The suites for accelerators and codecs, and the tests of the suites.
      '**/test/conformance.test.ts',
      'packages/conformance/**',
      // Starts runs of its own.
      'packages/testing/**',
      // Cargo's own tests.
      'packages/accel-native/test/kernels.test.ts',
      'packages/codec-native/test/streams.test.ts',
      'packages/host-linux/test/crate.test.ts',
    ],
    // Bounds against a hang, never a measure of speed.
    testTimeout: 120_000,
    hookTimeout: 60_000,
    pool: 'forks',
    maxWorkers: 2,
  },
});
