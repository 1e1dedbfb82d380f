import { join } from 'node:path';
import { longestFirst } from '@multifd/testing/longest-first';
import { defineConfig } from 'vitest/config';
import { installedQemus, whatIsMissing } from './test/support/binaries.js';

/**
 * End to end against real QEMU. Most of the time a test waits, for a QEMU to start or to give up: two files at a time keep
 * two cores busy for half of it, so there are three.
 */
const here = installedQemus();
const missing = whatIsMissing();
if (missing !== undefined) console.log(`tests against real QEMU: ${missing}`);

/** A folder for reports, from which `pnpm interop REPORT...` makes docs/interop.md without another run. */
const { MULTIFD_QEMU_REPORTS: reports } = process.env;

export default defineConfig({
  test: {
    globalSetup: '@multifd/testing/global-setup',
    include: here.length === 0 ? [] : ['test/e2e/**/*.test.ts'],
    passWithNoTests: here.length === 0,
    maxWorkers: 3,
    ...(reports === undefined
      ? {}
      : { reporters: ['default', 'json'], outputFile: { json: join(reports, 'qemu.json') } }),
    sequence: {
      sequencer: longestFirst([
        'e2e/early-state.test.ts',
        'e2e/send.test.ts',
        'e2e/receive.test.ts',
        'e2e/compression.test.ts',
        'e2e/refusals.test.ts',
        'e2e/capabilities.test.ts',
        'e2e/mapped-ram.test.ts',
      ]),
    },
    testTimeout: 120_000,
    hookTimeout: 120_000,
  },
});
