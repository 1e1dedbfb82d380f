import { defineConfig } from 'vitest/config';

// Limits that only say "it hangs": a broken accelerator goes through the whole suite in one test.
export default defineConfig({
  test: { globalSetup: '@multifd/testing/global-setup', testTimeout: 120_000, maxWorkers: 3 },
});
