import { longestFirst } from '@multifd/testing/longest-first';
import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    globalSetup: '@multifd/testing/global-setup',
    include: ['test/**/*.test.ts'],
    // vitest.qemu.config.ts and vitest.matrix.config.ts have those.
    exclude: ['test/qemu/**', 'test/matrix/**'],
    // The end-to-end tests start processes with several threads each, and wait for them: half a second of CPU time for each
    // second. No timing decides a test; these limits only say "it hangs".
    maxWorkers: 4,
    sequence: {
      sequencer: longestFirst([
        'e2e/host.test.ts',
        'e2e/raw-set.test.ts',
        'e2e/bench.test.ts',
        'e2e/source-changes.test.ts',
        'e2e/targets.test.ts',
        'e2e/compression.test.ts',
        'e2e/accelerators.test.ts',
        'e2e/command-line.test.ts',
        'e2e/gpu.test.ts',
        'e2e/interrupt.test.ts',
      ]),
    },
    testTimeout: 120_000,
    hookTimeout: 120_000,
  },
});
