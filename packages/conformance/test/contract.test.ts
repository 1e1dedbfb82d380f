import type { AcceleratorV1 } from '@multifd/core/accelerator';
import { describe, expect, test } from 'vitest';
import { testAccelerator } from '../src/index.js';
import { breaking } from './broken/contract.js';
import { rightAnswers } from './broken/make.js';
import { complete } from './complete.js';
import { outcomes } from './helpers.js';

/** What version 2 of the contract added, and what its detectors are used for besides. */
const ADDED = /settings|list says|guest memory|announced|counters|as many batches of one detector/;

/** It takes seconds, and has nothing to do with what was added. */
const RACE = 'while the guest writes to a page, its neighbours keep their right answer';
const elsewhere = 'right.test.ts shows it of others';
await testAccelerator({ test, describe }, complete, {
  optOut: { [RACE]: elsewhere, [`${RACE}, in WebAssembly memory`]: elsewhere },
});

describe('every accelerator that breaks version 2 of the contract is caught', () => {
  for (const [broken, by] of breaking) {
    test(`${broken.name}, by ${by}`, async () => {
      const ended = await outcomes(broken, {}, by);
      expect(ended.map(({ outcome }) => outcome)).toContain('failed');
    });
  }
});

test('an accelerator can be tested with settings that are not its defaults', async () => {
  const seen = new Set<unknown>();
  const watched = {
    ...complete,
    open: (options: Parameters<typeof complete.open>[0]) => {
      seen.add(options.settings.wq);
      return complete.open(options);
    },
  };
  const wq = ['wq0.0'];
  const ended = await outcomes(watched, { settings: { wq } }, /counters/);
  expect(ended.map(({ outcome }) => outcome)).toEqual(['passed', 'passed']);
  expect([...seen]).toEqual([wq]);
  await expect(outcomes(complete, { settings: { wp: wq } })).rejects.toMatchObject({
    code: 'usage',
    message: 'accelerator complete has no setting wp; it has depth, mode, pin, wq',
  });
});

test('one of version 1 is tested as core calls it', async () => {
  const old: AcceleratorV1 = {
    specVersion: 1,
    name: 'old',
    capabilities: { pageSize: { min: 4096, max: 4096 }, preferredBatch: 128 },
    probe: (...more: unknown[]) => ({ ok: true, detail: `${more.length} arguments` }),
    open: ({ pageSize, ...more }) => {
      expect(more).toEqual({});
      return { detect: (batch, isZero) => isZero.set(rightAnswers(batch, pageSize)), close() {} };
    },
  };
  const ended = await outcomes(old, {}, new RegExp(`${ADDED.source}|says what|probe`));
  expect(ended.filter(({ outcome }) => outcome === 'failed')).toEqual([]);
  expect(ended.filter(({ outcome }) => outcome === 'passed').length).toBeGreaterThan(8);
});
