import { describe, expect, it } from 'vitest';
import { MultifdError } from '../../src/errors.js';
import { availableMethods, loadMethod, methodsOf } from '../../src/methods/registry.js';
import { faultOfMethod, isMultiFDMethods } from '../../src/methods/shape.js';
import { fixture } from '../support/fixtures.js';

const RUN_LENGTH = fixture('run-length.mjs');

async function failure(work: Promise<unknown>): Promise<string> {
  const error: unknown = await work.then(
    () => new Error('it did not fail'),
    (cause: unknown) => cause,
  );
  if (!MultifdError.is(error)) throw error;
  expect(error.code).toBe('codec-unavailable');
  return error.message;
}

describe('loadMethod', () => {
  it('none is always there', async () => {
    expect((await loadMethod('none')).flag).toBe(0);
    expect((await loadMethod('none', [RUN_LENGTH])).flag).toBe(0);
  });

  it("a third party's method, by name", async () => {
    expect(await loadMethod('run-length', [RUN_LENGTH])).toMatchObject({ name: 'run-length', flag: 0x30 });
  });

  it('an unknown name, with those that are known', async () => {
    expect(await failure(loadMethod('zlib', [RUN_LENGTH]))).toBe(
      'multifdCompression zlib is not available; known here: none, run-length',
    );
  });

  it.each([
    [
      'a flag that is taken',
      [RUN_LENGTH, fixture('clashing-methods.mjs')],
      /other-name \(flag 0x30\) is already taken by run-length/,
    ],
    ['a name that is taken', [RUN_LENGTH, `${RUN_LENGTH}?again`], /run-length .* is already taken/],
    [
      'a flag that cannot be',
      [fixture('bad-methods.mjs')],
      /does not export methods: .*: methods\[0\]\.flag must be at least two of the bits of 0x3e, and is 0x41$/,
    ],
    [
      'a flag of QEMU',
      [fixture('flag-of-qemu.mjs')],
      /does not export methods: .*: methods\[0\]\.flag must be/,
    ],
    ['no methods', [fixture('accelerators.mjs')], /does not export methods: .*: methods must be an array$/],
    ['a module that is not there', [fixture('nothing.mjs')], /cannot load module/],
  ])('%s', async (_what, modules, says) => {
    expect(await failure(loadMethod('none', modules))).toMatch(says);
  });

  it("QEMU's names go with QEMU's flags, and only they", async () => {
    const [method] = await methodsOf(RUN_LENGTH);
    const named = (name: string, flag: number) => isMultiFDMethods({ ...method, name, flag });
    expect([0x02, 0x04, 0x08, 0x10, 0x20].map((flag) => named('mine', flag))).toEqual(Array(5).fill(false));
    expect([0x06, 0x2a, 0x3e].map((flag) => named('mine', flag))).toEqual([true, true, true]);
    expect([0x00, 0x01, 0x40, 0x42, 1.5].map((flag) => named('mine', flag))).toEqual(Array(5).fill(false));
    // `auto` stands for no method.
    expect(named('auto', 0x06)).toBe(false);
    expect([named('zlib', 0x02), named('zlib', 0x06), named('zstd', 0x02)]).toEqual([true, false, false]);
  });

  it('what it declares as its settings has names, a range and a default', async () => {
    const [method] = await methodsOf(RUN_LENGTH);
    const right = { name: 'run-length', least: 0, most: 9, usual: 1, help: 'how far' };
    const declares = (...settings: object[]) => isMultiFDMethods({ ...method, settings });
    expect([declares(), declares(right), declares(right, { ...right, name: 'other' })]).toEqual([
      true,
      true,
      true,
    ]);
    const wrong = [
      { usual: 10 },
      { least: 2 },
      { most: 0.5 },
      { name: 'a=b' },
      { help: undefined },
      { least: 'x' },
      { least: '0' },
      { usual: null },
    ];
    expect(wrong.map((part) => declares({ ...right, ...part }))).toEqual(wrong.map(() => false));
    expect(isMultiFDMethods({ ...method, settings: 'all' })).toBe(false);
  });

  it('a fault names its member', async () => {
    const [method] = await methodsOf(RUN_LENGTH);
    const setting = { name: 'run-length', least: 0, most: 9, usual: 1, help: 'how far' };
    const faults: readonly (readonly [object, string])[] = [
      [{ specVersion: 2 }, 'specVersion must be 1'],
      [{ name: 'Mine' }, 'name must be lower case letters, digits and "-", and not auto'],
      [{ flag: '6' }, 'flag must be a number'],
      [{ name: 'zlib' }, 'flag must be 0x02, which QEMU has for zlib'],
      [{ flag: 0x20 }, 'flag must be at least two of the bits of 0x3e, and is 0x20'],
      [{ recvSetup: undefined }, 'recvSetup must be a function'],
      [{ settings: {} }, 'settings must be an array, if it is there'],
      [
        { settings: [setting, { ...setting, usual: 10 }] },
        'settings[1].most must be a whole number, at least `usual`',
      ],
    ];
    expect(faults.map(([part]) => faultOfMethod({ ...method, ...part }))).toEqual(
      faults.map(([, says]) => says),
    );
    expect(faultOfMethod(undefined)).toBe('specVersion must be 1');
  });

  it('one whose probe throws, or answers nonsense, cannot run here; auto goes on without it', async () => {
    const module = fixture('nonsense-methods.mjs');
    expect(await failure(loadMethod('throws', [module]))).toMatch(
      /throws is not available: its probe failed: no such device/,
    );
    expect(await failure(loadMethod('says-nothing', [module]))).toMatch(/its probe must answer/);
    expect((await availableMethods([module, RUN_LENGTH])).map(({ name }) => name)).toEqual([
      'none',
      'run-length',
    ]);
  });

  it('one that cannot run here says why and what to do', async () => {
    const loading = loadMethod('cannot-run', [fixture('broken-methods.mjs')]);
    expect(await failure(loading)).toBe(
      'multifdCompression cannot-run is not available: the machine code is not there',
    );
    await expect(loading).rejects.toMatchObject({ hint: 'build it' });
  });

  it('the same module twice is no clash', async () => {
    expect((await loadMethod('run-length', [RUN_LENGTH, RUN_LENGTH])).name).toBe('run-length');
  });
});
