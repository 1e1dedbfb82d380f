import { testAccelerator } from '@multifd/conformance';
import { describe, test } from 'vitest';
import { accelerators } from '../src/index.js';

/** `MULTIFD_REQUIRE_ACCEL=avx2,avx512`: kernels that this machine must have, so that they are not skipped. */
const required = (process.env.MULTIFD_REQUIRE_ACCEL ?? '').split(',');

for (const accelerator of accelerators) {
  await testAccelerator({ test, describe }, accelerator, {
    module: new URL('../dist/index.js', import.meta.url).href,
    required: required.includes(accelerator.name),
  });
}
