import { describe, test } from 'node:test';
import { testCodec } from '@multifd/conformance';
import { methods } from 'multifd-custom-codec';

for (const method of methods) {
  await testCodec({ test, describe }, method, {
    module: import.meta.resolve('multifd-custom-codec'),
    required: true,
  });
}
