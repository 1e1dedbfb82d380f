import { AcceleratorRegistry, MultifdError } from '@multifd/core';
import { loadAccelerator, splitModuleName } from '@multifd/core/accelerator';
import { describe, expect, it, vi } from 'vitest';
import { measureRates, rateOfThread } from '../../src/zero/calibrate.js';
import { fixture, PLAIN } from '../support/fixtures.js';
import { gathering, seenHere } from '../support/gathering.js';

/** Accelerators that probe well. */
const UNFIT = fixture('unfit-accelerators.mjs');
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

/** A module's text: right but for what is given. */
function accelerator(members: string, pageSize = '{ min: 4096, max: 4096 }'): string {
  return `export const accelerators = [{
    specVersion: 1, name: 'odd', capabilities: { pageSize: ${pageSize}, preferredBatch: 1 },
    probe: () => ({ ok: true, detail: '' }), open() {}, ${members}
  }];`;
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

  it('a choice tells which kind of guest memory the accelerator checks in place, if it is one kind', async () => {
    const module = (capabilities: string) =>
      `data:text/javascript,${encodeURIComponent(`export const accelerators = [{
        specVersion: 1, name: 'odd', capabilities: { pageSize: { min: 4096, max: 4096 }, preferredBatch: 1, ${capabilities} },
        probe: () => ({ ok: true, detail: '' }), open() {},
      }];`)}`;
    const wasm = module("memory: 'wasm'");
    expect(await registry(wasm).choose('odd')).toMatchObject({ memory: 'wasm' });
    expect(await registry(wasm).choose()).toMatchObject({ memory: 'wasm' });
    expect(await registry().choose(wasm)).toMatchObject({ memory: 'wasm' });
    expect(await registry(module('')).choose('odd')).not.toHaveProperty('memory');
    const error = await failure(registry().choose(module("memory: 'disk'")));
    expect(error.message).toMatch(/capabilities.memory must be "wasm", if it is there/);
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

  it('one of a module by the name behind its URL', async () => {
    const requested = `${PLAIN.module}:batch-of-one`;
    expect(await registry().choose(requested)).toMatchObject({
      accelerator: { module: PLAIN.module, name: 'batch-of-one' },
      requested,
    });
    const error = await failure(registry().choose(`${REFUSED}:gpu`));
    expect(error.message).toBe('accelerator gpu cannot run here: no adapter');
    expect((await failure(registry().choose(`${REFUSED}:quantum`))).message).toContain(
      'known here: warp, gpu',
    );
  });

  it.each([
    ['file:///a/two.mjs', 'file:///a/two.mjs', undefined],
    ['file:///a/two.mjs:fast', 'file:///a/two.mjs', 'fast'],
    ['file:///C:/two.mjs', 'file:///C:/two.mjs', undefined],
    ['file:///C:/two.mjs:gpu:software', 'file:///C:/two.mjs', 'gpu:software'],
    ['./two.mjs:fast', './two.mjs', 'fast'],
    ['@s/two', '@s/two', undefined],
    ['@s/two:fast', '@s/two', 'fast'],
  ])('reads %s', (text, module, name) => expect(splitModuleName(text)).toEqual({ module, name }));

  it('an unknown name, with those that are known', async () => {
    const error = await failure(registry(REFUSED).choose('quantum'));
    expect(error.message).toBe('no accelerator is called quantum; known here: warp, gpu');
    expect((await failure(registry().choose('quantum'))).message).toContain('known here: none');
    expect((await failure(registry().choose('auto'))).message).toBe('no accelerator is known here');
  });

  it('nothing can run', async () => {
    const error = await failure(registry(REFUSED).choose());
    expect(error.message).toBe('no accelerator can run here: warp: no warp core; gpu: no adapter');
    expect(error.hint).toBe('install one');
  });

  it('auto takes none that was wrong, late or broken when it was measured, nor one that it must not take', async () => {
    const error = await failure(registry(UNFIT).choose());
    expect(error.message.split('; ')).toEqual([
      'no accelerator can run here: always-zero: accelerator always-zero gave a wrong answer',
      'never-opens: accelerator never-opens was not open within 1000 ms',
      'opens-nothing: accelerator opens-nothing could not be opened: what it gave has no detect and close',
      'never-closes: accelerator never-closes did not close within 1000 ms',
      'large-pages: accelerator large-pages checks pages of 16384 to 65536 bytes, not of 4096',
    ]);
    expect(error.hint).toMatch(/tell its author/);
    // By name it is used: that is what the name is for.
    expect((await registry(UNFIT).choose('by-name-only')).accelerator.name).toBe('by-name-only');
  });

  it('what only takes larger pages is no mistake of its author', async () => {
    const { refused } = await registry(UNFIT, PLAIN.module).choose();
    expect(refused.find(({ name }) => name === 'large-pages')?.fix).toMatch(/by name/);
    expect(refused.find(({ name }) => name === 'always-zero')?.fix).toMatch(/its author/);
  });

  it('a probe that answers nonsense is a refusal that says so', async () => {
    const answers = await registry(fixture('nonsense-probes.mjs')).list();
    expect(answers.map(({ probe }) => probe.ok)).toEqual([false, false, false, false]);
    for (const { reference, probe } of answers) {
      expect(probe).toMatchObject({
        reason: expect.stringContaining('probe'),
        fix: expect.stringContaining(reference.name),
      });
    }
    const error = await failure(registry(fixture('nonsense-probes.mjs')).choose('says-nothing'));
    expect(error.message).toMatch(/says-nothing cannot run here: its probe must answer/);
  });

  it('a module that never ends loading is given up', async () => {
    vi.useFakeTimers();
    try {
      const module = fixture('never-loads.mjs');
      const loading = failure(registry(module).choose(module));
      await vi.advanceTimersByTimeAsync(10_001);
      expect((await loading).message).toMatch(/cannot load .*never-loads\.mjs within 10000 ms/);
    } finally {
      vi.useRealTimers();
    }
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
    [
      'of another version of the contract',
      'wrong-version.mjs',
      /contract version 2 or 1: .*specVersion must be 2, or 1/,
    ],
    ['that brings none', 'marker-of-nothing.mjs', /cannot load/],
    ['that exports something else', 'run-length.mjs', /does not export accelerators/],
  ])('a module %s', async (_what, file, says) => {
    expect((await failure(registry().choose(fixture(file)))).message).toMatch(says);
    expect((await failure(loadAccelerator({ module: fixture(file), name: 'x' }))).message).toMatch(says);
  });

  it.each([
    ['throws', "throw new Error('at import');", /cannot load .*at import/],
    ['ends its thread', 'process.exit(0);', /imported and probed: it ended its thread with code 0/],
    [
      'throws when nobody waits',
      'setTimeout(() => { throw new Error("later"); }); await new Promise(() => {});',
      /later/,
    ],
    ['never comes to an end', 'for (;;);', /took longer than/],
    ['never ends loading', 'await new Promise(() => {});', /cannot load .*within 10000 ms/],
    ['has none', 'export const accelerators = [];', /an empty one/],
    [
      'throws when looked at',
      'export const accelerators = [{ get specVersion() { throw new Error("mine"); } }];',
      /cannot load .*mine/,
    ],
    ['has pages of no size', accelerator('', '{ min: NaN, max: 4096 }'), /capabilities.pageSize must be/],
    ['probes nonsense', accelerator("probe: () => 'yes',"), /cannot run here: its probe must answer/],
    ['probes nothing', accelerator('probe() {},'), /cannot run here: its probe must answer/],
    [
      'ends its thread in its probe',
      accelerator('probe: () => process.exit(7),'),
      /ended its thread with code 7/,
    ],
  ])("somebody's module that %s is refused, and takes nothing with it", async (_what, text, says) => {
    const module = `data:text/javascript,${encodeURIComponent(text)}`;
    expect((await failure(registry(PLAIN.module).choose(module))).message).toMatch(says);
  });

  it("somebody's probe may answer more than the contract asks for", async () => {
    const text = accelerator("probe: () => ({ ok: true, detail: 'fine', device() {} }),");
    const module = `data:text/javascript,${encodeURIComponent(text)}`;
    expect((await registry().choose(module)).detail).toBe('fine');
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

  it('a device that threads share takes over from nobody: each thread would open it', async () => {
    // For so many threads, a part of it is always slower than the others.
    const choice = await registry(fixture('probed.mjs')).choose('auto', { threads: 1000 });
    expect(choice.measured?.map(({ name }) => name)).toContain('shares-too');
    expect(choice.accelerator.name).toBe('asked');
    expect(choice.fallbacks.map(({ name }) => name)).not.toContain('shares-too');
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
