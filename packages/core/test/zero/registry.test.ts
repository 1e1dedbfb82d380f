import { describe, expect, it } from 'vitest';
import { MultifdError } from '../../src/errors.js';
import { measureRates, rateOfThread } from '../../src/zero/calibrate.js';
import { loadAccelerator } from '../../src/zero/load.js';
import { AcceleratorRegistry } from '../../src/zero/registry.js';
import { fixture, PLAIN } from '../support/fixtures.js';
import { gathering, seenHere } from '../support/gathering.js';

const REFUSED = fixture('refused-accelerators.mjs');

async function failure(work: Promise<unknown>): Promise<MultifdError> {
  const error: unknown = await work.then(
    () => new Error('it did not fail'),
    (cause: unknown) => cause,
  );
  if (!MultifdError.is(error)) throw error;
  expect(error.code).toBe('accelerator-unavailable');
  return error;
}

function registry(...modules: string[]): AcceleratorRegistry {
  const made = new AcceleratorRegistry();
  for (const module of modules) made.register(module);
  return made;
}

describe('AcceleratorRegistry', () => {
  it('auto takes the fastest that can run, and keeps why others were refused', async () => {
    const choice = await registry(REFUSED, PLAIN.module).choose();
    expect(choice).toMatchObject({ accelerator: { module: PLAIN.module }, requested: 'auto' });
    expect(choice.refused.slice(0, 2)).toEqual([
      { name: 'warp', reason: 'no warp core', fix: 'install one' },
      { name: 'gpu', reason: 'no adapter', fix: 'plug in a GPU' },
    ]);
    const measured = choice.measured ?? [];
    const rates = measured.map(({ bytesPerSecond }) => bytesPerSecond);
    expect(rates.length).toBeGreaterThan(1);
    expect(rates).toEqual(rates.toSorted((one, other) => other - one));
    expect(measured.map(({ name }) => name)).toContain(choice.accelerator.name);
  });

  it('by name, used or refused, never another', async () => {
    const all = registry(REFUSED, PLAIN.module);
    expect(await all.choose('batch-of-one')).toMatchObject({
      accelerator: { ...PLAIN, name: 'batch-of-one' },
      requested: 'batch-of-one',
    });
    const error = await failure(all.choose('gpu'));
    expect(error.message).toBe('accelerator gpu cannot run here: no adapter');
    expect(error.hint).toBe('plug in a GPU');
  });

  it('by module, known or not', async () => {
    expect(await registry().choose(PLAIN.module)).toMatchObject({
      accelerator: PLAIN,
      requested: PLAIN.module,
    });
    expect((await failure(registry(PLAIN.module).choose(REFUSED))).message).toContain('warp cannot run');
  });

  it('an unknown name, with those that are known', async () => {
    const error = await failure(registry(REFUSED).choose('quantum'));
    expect(error.message).toBe('no accelerator is called quantum; known here: warp, gpu');
    expect((await failure(registry().choose('auto'))).message).toContain('known here: none');
  });

  it('nothing can run', async () => {
    expect((await failure(registry(REFUSED).choose())).message).toMatch(/warp cannot run here/);
  });

  it('registering loads nothing; a module is probed once', async () => {
    const probes = (): number => Number(Reflect.get(globalThis, 'multifdTestProbes') ?? 0);
    const all = registry(REFUSED, REFUSED, PLAIN.module);
    const before = probes();
    await Promise.all([all.choose(), all.choose(), all.list()]);
    await all.choose(PLAIN.name);
    expect(probes() - before).toBe(2);
    expect(await all.list()).toHaveLength(7);
  });

  it.each([
    ['of another version of the contract', 'wrong-version.mjs', /contract version 1/],
    ['that brings none', 'marker-of-nothing.mjs', /cannot load/],
    ['that exports something else', 'run-length.mjs', /does not export accelerators/],
  ])('a module %s', async (_what, file, says) => {
    expect((await failure(registry().choose(fixture(file)))).message).toMatch(says);
    expect((await failure(loadAccelerator({ module: fixture(file), name: 'x' }))).message).toMatch(says);
  });

  it('a name that a module does not have', async () => {
    const error = await failure(loadAccelerator({ ...PLAIN, name: 'nobody' }));
    expect(error.message).toContain('has no accelerator called nobody');
  });

  it('one module that cannot be loaded does not take the others away', async () => {
    const choice = await registry(fixture('not-there.mjs'), PLAIN.module).choose();
    expect(choice.accelerator.module).toBe(PLAIN.module);
    expect(choice.refused[0]?.reason).toMatch(/not-there/);
  });
});

describe('auto', () => {
  it('keeps who would go on, next best first; what was named has nobody', async () => {
    const all = registry(REFUSED, PLAIN.module);
    const choice = await all.choose('auto');
    const ranking = (choice.measured ?? []).map(({ name }) => name);
    const others = ranking.filter((name) => name !== choice.accelerator.name);
    expect(others.length).toBeGreaterThan(1);
    expect(choice.fallbacks.map(({ name }) => name)).toEqual(others);
    expect((await all.choose('plain')).fallbacks).toEqual([]);
  });

  it('a device that threads share is rated by its part for each of them', async () => {
    const shares = await loadAccelerator(gathering('shares'));
    expect(rateOfThread(shares, 8e9, 4)).toBe(2e9);
    expect(rateOfThread(await loadAccelerator(PLAIN), 8e9, 4)).toBe(8e9);
  });

  it('one that takes several batches at a time is measured like that', async () => {
    const seen = await seenHere();
    seen.mostAtWork = 0;
    seen.sizes.length = 0;
    const [rate] = await measureRates([await loadAccelerator(gathering('gathers'))]);
    expect(rate).toMatchObject({ bytesPerSecond: expect.any(Number) });
    expect(seen.mostAtWork).toBe(3);
    expect(new Set(seen.sizes)).toEqual(new Set([4096]));
  });

  it('names are known without asking anybody', async () => {
    const probes = (): number => Number(Reflect.get(globalThis, 'multifdTestProbes') ?? 0);
    const all = registry(REFUSED, PLAIN.module);
    const before = probes();
    expect(await all.names()).toEqual(expect.arrayContaining(['warp', 'gpu', 'plain']));
    await all.choose('plain');
    expect(probes()).toBe(before);
  });
});
