import { defineConfig } from 'vitest/config';

// Limits that only say "it hangs": a software adapter shares its cores with whoever else is at work. In processes of
// their own, so that a test file shows how a process with a device ends.
export default defineConfig({
  test: {
    globalSetup: '@multifd/testing/global-setup',
    testTimeout: 60_000,
    pool: 'forks',
    fileParallelism: false,
  },
});
