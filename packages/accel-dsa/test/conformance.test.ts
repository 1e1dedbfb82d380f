import { testAccelerator } from '@multifd/conformance';
import { describe, test } from 'vitest';
import { accelerators as faulty } from '../src/faulty.js';
import { accelerators } from '../src/index.js';
import { FAULTY, PUBLIC } from './support/addon.js';

// A device where there is one; the software queue; and that with every fault at once that answers must survive.
for (const accelerator of accelerators) {
  await testAccelerator({ test, describe }, accelerator, { module: PUBLIC, timeout: 60_000 });
}
for (const accelerator of faulty.filter(({ name }) => name === 'dsa-faulty:everything')) {
  await testAccelerator({ test, describe }, accelerator, { module: FAULTY, timeout: 60_000 });
}
