import { describe, test } from 'node:test';
import { testAccelerator } from '@multifd/conformance';
import { accelerators } from 'multifd-custom-accelerator';

for (const accelerator of accelerators) {
  await testAccelerator({ test, describe }, accelerator, {
    module: import.meta.resolve('multifd-custom-accelerator'),
  });
}
