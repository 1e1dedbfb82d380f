import { cpSync, mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { accelerators } from '../dist/index.js';
import { missing } from '../src/available.js';
import { noSoftware } from './adapter.js';

const folder = mkdtempSync(join(tmpdir(), 'multifd-gpu-'));
afterEach(() => {
  vi.unstubAllEnvs();
  rmSync(folder, { recursive: true, force: true });
});

test('two kernels and the better of them, on a card or on software; auto looks at the first alone', () => {
  expect(accelerators.map(({ name, capabilities }) => [name, capabilities.automatic])).toEqual([
    ['gpu', true],
    ['gpu-wgsl', false],
    ['gpu-gpujs', false],
    ['gpu:software', false],
    ['gpu-wgsl:software', false],
    ['gpu-gpujs:software', false],
  ]);
});

/** The built package on its own, with these packages beside it and no others. */
function installed(...packages: readonly string[]): string {
  cpSync(fileURLToPath(new URL('../dist', import.meta.url)), folder, { recursive: true });
  writeFileSync(join(folder, 'package.json'), '{ "type": "module" }');
  mkdirSync(join(folder, 'node_modules'));
  for (const name of packages) {
    const real = realpathSync(fileURLToPath(new URL(`../node_modules/${name}`, import.meta.url)));
    symlinkSync(real, join(folder, 'node_modules', name));
  }
  return pathToFileURL(join(folder, 'index.js')).href;
}

test('without the package webgpu it says how to get it', async () => {
  const module: { accelerators: typeof accelerators } = await import(installed());
  for (const accelerator of module.accelerators) {
    expect(await accelerator.probe({})).toMatchObject({
      ok: false,
      reason: 'the package webgpu is not installed',
      fix: expect.stringContaining('npm install webgpu@'),
    });
  }
});

test.skipIf(noSoftware !== undefined)(
  'without the package gpu.js the other kernel is the better one',
  async () => {
    const module: { accelerators: typeof accelerators } = await import(installed('webgpu'));
    const probe = async (name: string) => module.accelerators.find((each) => each.name === name)?.probe({});
    expect(await probe('gpu:software')).toMatchObject({
      ok: true,
      detail: expect.stringMatching(/^kernel wgsl \(.*no gpujs: the package gpu.js is not installed\)/),
    });
    expect(await probe('gpu-gpujs:software')).toMatchObject({
      ok: false,
      reason: 'the package gpu.js is not installed',
      fix: expect.stringContaining('npm install gpu.js@'),
    });
  },
);

describe.runIf(process.platform === 'linux')('what is missing is seen without opening anything', () => {
  test('no Vulkan driver', () => {
    vi.stubEnv('VK_DRIVER_FILES', join(folder, 'none.json'));
    expect(missing('software')).toMatchObject({
      ok: false,
      reason: expect.stringMatching(/no Vulkan driver/),
    });
  });

  test('a Vulkan driver', () => {
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, 'one.json'), '{}');
    vi.stubEnv('VK_DRIVER_FILES', join(folder, 'one.json'));
    expect(missing('software')).toBeUndefined();
  });
});
