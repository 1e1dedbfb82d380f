import { describe, test } from 'node:test';
import { testAccelerator } from '@multifd/conformance';
import { accelerators } from '../index.js';

const module = import.meta.resolve('../index.js');

for (const accelerator of accelerators) {
  // `required`: that it cannot run is a failure.
  await testAccelerator({ test, describe }, accelerator, { module, required: true });
}
