import { defineConfig } from 'vitest/config';
import { loadBinding } from './src/load.js';

const shared = {
  globalSetup: '@multifd/testing/global-setup',
  // Bounds against a hang, never a measure of speed.
  testTimeout: 120_000,
  hookTimeout: 60_000,
  teardownTimeout: 10_000,
  pool: 'forks',
  maxWorkers: 2,
} as const;

/** Core's own tests of TLS, and of channels that share threads, with their sockets used here. */
const ofCore = {
  root: '../core',
  test: {
    ...shared,
    name: 'core by host-linux',
    include: [
      'test/engine/tls*.test.ts',
      'test/transport/tls/sent-records.test.ts',
      'test/engine/channels.test.ts',
      'test/engine/faults.test.ts',
      'test/engine/shared-threads.test.ts',
    ],
    env: { MULTIFD_TEST_SOCKET_IO: new URL('dist/index.js', import.meta.url).href },
  },
};

export default defineConfig({
  test: {
    projects: [
      { test: { ...shared, name: 'own', include: ['test/**/*.test.ts'] } },
      ...('binding' in loadBinding() ? [ofCore] : []),
    ],
  },
});
