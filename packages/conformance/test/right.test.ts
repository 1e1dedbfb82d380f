import { describe, expect, test } from 'vitest';
import { acceleratorCases, testAccelerator } from '../src/index.js';
import { outcomes } from './helpers.js';
import { asynchronous, picky, reference } from './reference.js';

for (const right of [reference, asynchronous, picky]) await testAccelerator({ test, describe }, right);

test('cases have names of their own', () => {
  expect(new Set(acceleratorCases.map(({ name }) => name)).size).toBe(acceleratorCases.length);
});

test('an opt-out names a case and a reason, and is shown as skipped', async () => {
  const name = '65536: all zero';
  const ended = await outcomes(reference, { optOut: { [name]: 'no memory for it' } }, /: all zero(?!,)/);
  expect(ended.map(({ name, outcome }) => [name, outcome])).toEqual([
    ['reference: 4096: all zero', 'passed'],
    ['reference: 16384: all zero', 'passed'],
    ['reference: 65536: all zero: no memory for it', 'skipped'],
  ]);
  await expect(outcomes(reference, { optOut: { 'all zeros': 'a typing mistake' } })).rejects.toThrow(
    /all zeros/,
  );
});

test('what cannot run here is skipped with its reason; where it is required, that is a failure', async () => {
  const absent = { ...reference, probe: () => ({ ok: false, reason: 'no device', fix: 'get one' }) as const };
  const ended = await outcomes(absent);
  expect(ended.filter(({ outcome }) => outcome === 'passed')).toHaveLength(6);
  expect(ended.filter(({ outcome }) => outcome === 'failed')).toEqual([]);
  expect(ended.at(-1)).toMatchObject({ outcome: 'skipped', name: expect.stringContaining('no device') });
  expect((await outcomes(absent, { required: true }, /required/))[0]).toMatchObject({
    outcome: 'failed',
    message: expect.stringContaining('no device'),
  });
});

test('a page size that is not declared is skipped, and the name of a random case shows its seed', async () => {
  const names = (await outcomes(picky, { seed: 42 }, /random memory(?!,)/)).map(({ name }) => name);
  expect(names).toEqual([
    'picky: 4096: random memory (MULTIFD_SEED=42)',
    expect.stringContaining('declares page sizes from 4096 to 4096'),
    expect.stringContaining('declares page sizes from 4096 to 4096'),
  ]);
});
