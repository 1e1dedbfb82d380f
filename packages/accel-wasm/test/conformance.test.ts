import { testAccelerator } from '@multifd/conformance';
import { describe, test } from 'vitest';
import { accelerators } from '../src/index.js';

for (const accelerator of accelerators) {
  await testAccelerator({ test, describe }, accelerator, {
    module: new URL('../dist/index.js', import.meta.url).href,
  });
}
