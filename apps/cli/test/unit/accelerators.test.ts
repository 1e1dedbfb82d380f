import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { describe, expect, it } from 'vitest';
import { chooseAccelerator } from '../../src/accelerators/choose.js';
import { resolveModule } from '../../src/modules/resolve-module.js';
import { tempDirectory } from '../helpers/temp.js';

/** Writes a package whose entry is `entry.js`, and gives the entry's URL. */
function writePackage(
  directory: string,
  manifest: object | undefined,
  entry = 'entry.js',
  source = '',
): string {
  mkdirSync(directory, { recursive: true });
  if (manifest !== undefined) writeFileSync(join(directory, 'package.json'), JSON.stringify(manifest));
  writeFileSync(join(directory, entry), source);
  return pathToFileURL(join(directory, entry)).href;
}

const ACCELERATOR = (probe: string) => `export const accelerators = [{
  specVersion: 1, name: 'mine', capabilities: { pageSize: { min: 4096, max: 4096 }, preferredBatch: 1 },
  probe: () => (${probe}), open: () => ({ detect() {}, close() {} }) }];`;

describe('finding a module', () => {
  it.each([
    { name: 'p', exports: './entry.js' },
    { name: 'p', exports: { '.': './entry.js' } },
    { name: 'p', exports: { '.': { types: './x.d.ts', import: './entry.js', require: './x.cjs' } } },
    { name: 'p', exports: { import: { node: './entry.js' }, default: './x.js' } },
    { name: 'p', main: 'entry.js' },
  ])('by directory and by package name: %j', (manifest) => {
    const cwd = tempDirectory();
    const here = writePackage(join(cwd, 'here'), manifest);
    expect(resolveModule('./here', cwd)).toBe(here);
    const installed = writePackage(join(cwd, 'node_modules', '@s', 'p'), { ...manifest, name: '@s/p' });
    expect(resolveModule('@s/p', cwd)).toBe(installed);
    expect(resolveModule('@s/p', join(cwd, 'here'))).toBe(installed);
  });

  it('by file, and by index.js', () => {
    const cwd = tempDirectory();
    const entry = writePackage(join(cwd, 'dir'), undefined, 'index.js');
    expect(resolveModule('./dir/index.js', cwd)).toBe(entry);
    expect(resolveModule(join(cwd, 'dir', 'index.js'), '/')).toBe(entry);
    expect(resolveModule('./dir', cwd)).toBe(entry);
    expect(resolveModule(entry, '/')).toBe(entry);
    expect(resolveModule('.', join(cwd, 'dir'))).toBe(entry);
  });

  it.each([
    ['file://host/x', /not the URL of a file on this machine/],
    ['file:///a%2Fb', /not the URL of a file on this machine/],
    ['file://[', /not the URL of a file on this machine/],
    [`./${'x'.repeat(300)}`, /name too long \(ENAMETOOLONG\)$/],
  ])('%s is refused in one line', (specifier, message) => {
    expect(() => resolveModule(specifier, tempDirectory())).toThrow(
      expect.objectContaining({ code: 'usage', message: expect.stringMatching(message) }),
    );
  });

  it('or not at all', () => {
    const cwd = tempDirectory();
    for (const name of ['./none', 'none', '@s/none', 'none/sub', 'fs', 'node:fs', '']) {
      expect(resolveModule(name, cwd)).toBeUndefined();
    }
  });
});

describe('choosing', () => {
  it('auto measures what can run, and says why not the others', async () => {
    const choice = await chooseAccelerator({ accel: 'auto' }, tempDirectory(), 2);
    const measured = choice.measured ?? [];
    const names = measured.map(({ name }) => name);
    expect(names).toEqual(expect.arrayContaining(['wasm', 'js']));
    expect(names).toContain(choice.accelerator.name);
    const rates = measured.map(({ bytesPerSecond }) => bytesPerSecond);
    expect(rates).toEqual(rates.toSorted((a, b) => b - a));
    const chosen = measured.find(({ name }) => name === choice.accelerator.name)?.bytesPerSecond ?? 0;
    expect(chosen).toBeGreaterThanOrEqual(0.9 * (rates[0] ?? 0));
    // No CPU has both.
    expect(choice.refused.map(({ name }) => name)).toContain(process.arch === 'x64' ? 'neon' : 'avx2');
    for (const { reason, fix } of choice.refused) expect([reason, fix]).not.toContain('');
  });

  it.each(['js', 'wasm', 'wasm-scalar'])('%s by name', async (name) => {
    const choice = await chooseAccelerator({ accel: name }, tempDirectory(), 2);
    expect(choice).toMatchObject({ requested: name, accelerator: { name }, refused: [] });
    expect(choice.measured).toBeUndefined();
  });

  it('a module by path', async () => {
    const cwd = tempDirectory();
    const module = writePackage(
      join(cwd, 'm'),
      { type: 'module', main: 'entry.js' },
      'entry.js',
      ACCELERATOR("{ ok: true, detail: 'd' }"),
    );
    expect(await chooseAccelerator({ accel: './m' }, cwd, 2)).toEqual({
      requested: './m',
      accelerator: { module, name: 'mine', shares: false },
      detail: 'd',
      refused: [],
      fallbacks: [],
    });
  });

  it('a module that cannot run here is refused with its reason', async () => {
    const cwd = tempDirectory();
    const probe = "{ ok: false, reason: 'no such device', fix: 'buy one' }";
    writePackage(join(cwd, 'm'), { type: 'module', main: 'entry.js' }, 'entry.js', ACCELERATOR(probe));
    await expect(chooseAccelerator({ accel: './m' }, cwd, 2)).rejects.toMatchObject({
      code: 'accelerator-unavailable',
      message: expect.stringContaining('no such device'),
      hint: 'buy one',
    });
  });

  it.each(['avx1024', 'none:two', 'auto '])('%j is nowhere', async (name) => {
    await expect(chooseAccelerator({ accel: name }, tempDirectory(), 2)).rejects.toMatchObject({
      code: 'accelerator-unavailable',
      message: expect.stringMatching(/known here: native, avx512, .*wasm.*, js/),
    });
  });
});
