import { testAccelerator } from '@multifd/conformance';
import { describe, test } from 'vitest';
import { accelerators } from '../dist/index.js';
import { required } from './adapter.js';

// Built: the thread that has the device is a file of the package.
for (const accelerator of accelerators) {
  const adapter = accelerator.name.endsWith(':software') ? 'software' : 'hardware';
  // The better kernel is one of the other two, and goes through the same.
  if (accelerator.name === `gpu:${adapter}` || accelerator.name === 'gpu') continue;
  await testAccelerator({ test, describe }, accelerator, {
    module: new URL('../dist/index.js', import.meta.url).href,
    required: required.includes(adapter),
    // A software adapter shares two busy cores with the other tests.
    timeout: 60_000,
  });
}
