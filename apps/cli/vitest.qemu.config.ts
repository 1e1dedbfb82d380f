import { join } from 'node:path';
import { longestFirst } from '@multifd/testing/longest-first';
import { defineConfig } from 'vitest/config';
// The support that packages/qemu's own tests have; see test/qemu/support/qemu.ts.
import { installedQemus, whatIsMissing } from '../../packages/qemu/test/support/binaries.js';

/** The real command against real QEMU: two files at a time keep two cores busy for 70 % of the time, so there are three. */
const here = installedQemus();
const missing = whatIsMissing();
if (missing !== undefined) console.log(`the command against real QEMU: ${missing}`);

/** A folder for reports, from which `pnpm interop REPORT...` makes docs/interop.md without another run. */
const { MULTIFD_QEMU_REPORTS: reports } = process.env;

export default defineConfig({
  test: {
    globalSetup: '@multifd/testing/global-setup',
    include: here.length === 0 ? [] : ['test/qemu/**/*.test.ts'],
    passWithNoTests: here.length === 0,
    maxWorkers: 3,
    ...(reports === undefined
      ? {}
      : { reporters: ['default', 'json'], outputFile: { json: join(reports, 'cli.json') } }),
    sequence: {
      sequencer: longestFirst([
        'qemu/linux-snapshots.test.ts',
        'qemu/s3-killed.test.ts',
        'qemu/store.test.ts',
        'qemu/chains.test.ts',
        'qemu/tls.test.ts',
        'qemu/bench.test.ts',
        'qemu/relay.test.ts',
        'qemu/faults.test.ts',
        'qemu/mapped-ram.test.ts',
      ]),
    },
    testTimeout: 120_000,
    hookTimeout: 120_000,
  },
});
