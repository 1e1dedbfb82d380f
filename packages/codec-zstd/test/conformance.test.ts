import { testCodec } from '@multifd/conformance';
import { describe, test } from 'vitest';
import { methods } from '../src/index.js';
import { hostile } from './hostile.js';

for (const method of methods) {
  await testCodec({ test, describe }, method, {
    module: new URL('../dist/index.js', import.meta.url).href,
    settings: [0, 1, 3, 12, 20].map((level) => ({ 'multifd-zstd-level': level })),
    hostile,
    // Other tests share the cores.
    timeout: 60_000,
    required: process.env.MULTIFD_NATIVE === 'required',
  });
}
