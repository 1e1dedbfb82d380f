import { testAccelerator } from '@multifd/conformance';
import { describe, test } from 'vitest';
import { js } from './helpers.js';

await testAccelerator({ test, describe }, js, {
  module: new URL('../dist/index.js', import.meta.url).href,
});
