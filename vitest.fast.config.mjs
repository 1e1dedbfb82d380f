import { defineConfig } from 'vitest/config';

const ENGINE = [
  'intact',
  'line-rate',
  'machine-compat',
  'method-decision',
  'pure',
  'reception',
  'relay-end',
  'running-migration',
  'source-meter',
];

/**
 * `pnpm test:fast`, for daily work: under a minute on an idle machine with two cores. It runs the test files of all
 * packages but those that are excluded here; `pnpm test` runs them all.
 */
export default defineConfig({
  test: {
    globalSetup: './packages/testing/src/global-setup.ts',
    include: ['packages/*/test/**/*.test.ts', 'apps/*/test/**/*.test.ts'],
    exclude: [
      '**/node_modules/**',
      // Whole processes; of these one migration stays. Real QEMU.
      'apps/cli/test/e2e/!(one-migration).test.ts',
      'packages/*/test/e2e/**',
      '**/test/qemu/**',
      '**/test/matrix/**',
      '**/test/**/*end-to-end.test.ts',
      // Of the engine what is pure, and a few short migrations.
      `packages/core/test/engine/!(${ENGINE.join('|')}).test.ts`,
      // A running guest, and waits that only a limit ends.
      'packages/accel-dsa/test/{detector,migration}.test.ts',
      'packages/host-linux/test/{exit,migrated,sockets}.test.ts',
      // Starts processes, and kills them.
      'packages/store/test/unit/killed.test.ts',
      // Waits until modules that hang have had their time.
      'packages/core/test/zero/registry.test.ts',
      // The suites for accelerators and codecs, and the tests of the suites.
      '**/test/conformance.test.ts',
      'packages/conformance/**',
      // Starts runs of its own.
      'packages/testing/**',
      // Cargo's own tests.
      'packages/accel-native/test/kernels.test.ts',
      'packages/accel-dsa/test/crate.test.ts',
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
