import { AcceleratorRegistry, loadAccelerator, MultifdError } from '@multifd/core';
import { describe, expect, it } from 'vitest';
import { fixture, PLAIN } from '../support/fixtures.js';

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

  it.each([
    ['throws', "throw new Error('at import');", /cannot load .*at import/],
    ['ends its thread', 'process.exit(0);', /imported and probed: it ended its thread with code 0/],
    [
      'throws when nobody waits',
      'setTimeout(() => { throw new Error("later"); }); await new Promise(() => {});',
      /later/,
    ],
    ['never comes to an end', 'for (;;);', /took longer than/],
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
