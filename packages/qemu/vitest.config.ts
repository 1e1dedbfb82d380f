import { defineConfig } from 'vitest/config';

/** Generous: these tests run on busy machines with two cores. */
export default defineConfig({ test: { include: ['test/unit/**/*.test.ts'], testTimeout: 60_000 } });
