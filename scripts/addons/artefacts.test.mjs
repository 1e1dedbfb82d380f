/**
 * Loads the machine code that was built for this platform, whatever built it, and puts it through the suites. For the
 * platforms of a release, on some of which the workspace's own Node cannot run: nothing but Node's test runner.
 *
 *   node --test scripts/addons/artefacts.test.mjs      any Node from 22.23, 24.18 or 26.4 on; needs `dist` and `native` of the packages
 */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { testAccelerator, testCodec } from '../../packages/conformance/dist/index.js';

const moduleOf = (name) => new URL(`../../packages/${name}/dist/index.js`, import.meta.url).href;

const accelNative = moduleOf('accel-native');
for (const accelerator of (await import(accelNative)).accelerators) {
  // The best kernel of this CPU must run. Which others there are depends on the CPU.
  await testAccelerator({ test, describe }, accelerator, {
    module: accelNative,
    required: accelerator.name === 'native',
  });
}

const accelDsa = moduleOf('accel-dsa');
const hasGlibc = process.report.getReport().header.glibcVersionRuntime !== undefined;
for (const accelerator of (await import(accelDsa)).accelerators) {
  // A device is where it is. The software queue must run wherever this package has an addon.
  if (accelerator.name !== 'dsa:software') continue;
  await testAccelerator({ test, describe }, accelerator, {
    module: accelDsa,
    required: process.platform === 'linux' && process.arch === 'x64' && hasGlibc,
  });
}

for (const name of ['codec-zlib', 'codec-zstd']) {
  const module = moduleOf(name);
  for (const codec of (await import(module)).methods) {
    await testCodec({ test, describe }, codec, { module, required: true });
  }
}

const elsewhere = process.platform === 'linux' ? false : 'host-linux is for Linux';
test('host-linux maps memory that is absent until it is written', { skip: elsewhere }, async () => {
  const { hostBlocks, mapRam, probe } = await import(moduleOf('host-linux'));
  assert.deepEqual(probe().ok, true, JSON.stringify(probe()));
  const [length, page] = [8 * 2 ** 20, 4096];
  const ram = mapRam({ kind: 'memfd', name: 'artefact', length });
  const block = hostBlocks.open(ram.descriptor);
  assert.equal(block.absent(0, length), length);
  block.write(3 * page, Uint8Array.of(1, 2, 3));
  assert.equal(block.absent(0, length), 3 * page);
  block.zero(0, length);
  assert.equal(ram.allocatedBytes(), 0);
  block.close();
  ram.close();
});
