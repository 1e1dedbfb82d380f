import { platformTriple } from '@multifd/core/accelerator';
import { expect, test } from 'vitest';
import { accelerators, plainRead } from '../src/index.js';
import { loadBinding } from '../src/load.js';

const built = 'binding' in loadBinding();
const PAGE = 4096;

test('one name for the best, and one for each kernel', () => {
  expect(accelerators.map(({ name }) => name)).toEqual([
    'native',
    'avx512',
    'avx2',
    'sse2',
    'neon',
    'scalar',
  ]);
});

test('auto looks at the kernels that may win, and not at another name for one of them', () => {
  const automatic = accelerators.filter(({ capabilities }) => capabilities.automatic !== false);
  expect(automatic.map(({ name }) => name)).toEqual(['avx512', 'avx2', 'sse2', 'neon']);
});

test.each([
  ['linux', 'x64', true, 'linux-x64-gnu'],
  ['linux', 'arm64', false, 'linux-arm64-musl'],
  ['darwin', 'arm64', false, 'darwin-arm64'],
  ['win32', 'x64', false, 'win32-x64-msvc'],
])('the addon of %s %s (glibc %s) is that of %s', (platform, arch, glibc, triple) => {
  expect(platformTriple(platform, arch, glibc)).toBe(triple);
});

test.skipIf(built)('without the addon every probe says how to get it', async () => {
  for (const accelerator of accelerators) {
    expect(await accelerator.probe({})).toMatchObject({
      ok: false,
      reason: expect.stringContaining('addon'),
      fix: expect.stringContaining('Rust'),
    });
    expect(() => accelerator.open({ pageSize: PAGE, settings: {} })).toThrow(/Rust/);
  }
  expect(plainRead(PAGE)).toBeUndefined();
});

test.skipIf(!built)('a kernel of another architecture says so', async () => {
  const absent = accelerators.find(({ name }) => name === (process.arch === 'x64' ? 'neon' : 'avx2'));
  expect(await absent?.probe({})).toMatchObject({
    ok: false,
    reason: expect.stringContaining(`this is ${process.arch}`),
    fix: expect.stringContaining('native'),
  });
});

test.skipIf(!built)('native says which kernel it is', async () => {
  const widest = process.arch === 'arm64' ? 'neon' : 'avx512|avx2|sse2';
  expect(await accelerators[0]?.probe({})).toMatchObject({
    ok: true,
    detail: expect.stringMatching(`kernel (${widest})`),
  });
});

test.skipIf(!built)('faults of a caller are exceptions, and nothing beyond memory is read', async () => {
  const native = accelerators[0];
  if (native === undefined) throw new Error('no native accelerator');
  expect(() => native.open({ pageSize: 6144, settings: {} })).toThrow(/page size 6144/);
  expect(() => native.open({ pageSize: 131072, settings: {} })).toThrow(/page size 131072/);
  const detector = await native.open({ pageSize: PAGE, settings: {} });
  const memory = new Uint8Array(2 * PAGE);
  const ask = (offset: number, count = 1) =>
    detector.detect({ memory, offsets: Float64Array.of(offset), count }, new Uint8Array(1));
  for (const offset of [PAGE + 1, 2 * PAGE, -PAGE, 0.5, 2 ** 60, Number.NaN, Number.POSITIVE_INFINITY]) {
    expect(() => ask(offset), `${offset}`).toThrow(/offsets\[0\] is/);
  }
  expect(() => ask(0, 2)).toThrow(/fewer/);
  expect(ask(PAGE)).toBeUndefined();
});

test.skipIf(!built)('the plain read reads zero pages as the check does', () => {
  const read = plainRead(PAGE);
  const answers = new Uint8Array(2);
  const memory = new Uint8Array(2 * PAGE);
  read?.(memory, Float64Array.of(0, PAGE), 2, answers);
  expect([...answers]).toEqual([1, 1]);
});

test.skipIf(!built)('a quick look changes no answer, wherever the one byte is', () => {
  const loaded = loadBinding();
  if (!('binding' in loaded)) throw new Error(loaded.reason);
  const { kernels, Checker } = loaded.binding;
  const memory = new Uint8Array(3 * PAGE);
  const answers = new Uint8Array(3);
  for (const { name } of kernels().filter(({ lacks }) => lacks === undefined)) {
    for (const look of ['none', 'front', 'ends'] as const) {
      const checker = new Checker(name, PAGE, look);
      for (const at of [0, 1, 8, 31, 32, 64, PAGE / 2, PAGE - 1]) {
        memory[PAGE + at] = 1;
        checker.check(memory, Float64Array.of(0, PAGE, 2 * PAGE), 3, answers);
        expect([...answers], `${name}, look ${look}, byte ${at}`).toEqual([1, 0, 1]);
        memory[PAGE + at] = 0;
      }
    }
  }
});
