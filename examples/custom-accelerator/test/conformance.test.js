import { describe, test } from 'node:test';
import { testAccelerator } from '@multifd/conformance';
import { accelerators } from '../src/index.js';

for (const accelerator of accelerators) {
  await testAccelerator({ test, describe }, accelerator, {
    module: import.meta.resolve('../src/index.js'),
  });
}
