import { availableParallelism } from 'node:os';
import { describe, expect, test } from 'vitest';
import { codecCases, testCodec } from '../src/index.js';
import { brokenReceivers } from './codec/broken-receivers.js';
import { brokenSenders } from './codec/broken-senders.js';
import { asynchronous, byReference, reference } from './codec/reference.js';
import { codecOutcomes, firstFailure } from './helpers.js';

/** The race needs a second core, and is the only case that takes long; the others need not be shown it. */
const RACE = /while the guest writes/;
const BUT_THE_RACE = /^(?!.*while the guest writes)/;
/** ms; of those, what never answers takes one for each case. */
const TIMEOUT = 50;

for (const right of [reference, asynchronous, byReference]) {
  await testCodec({ test, describe }, right, { settings: [{ level: 3 }] });
}

test('cases have names of their own', () => {
  expect(new Set(codecCases.map(({ name }) => name)).size).toBe(codecCases.length);
});

describe('every broken codec is caught', () => {
  for (const broken of [...brokenSenders, ...brokenReceivers]) {
    if (broken.name === 'looks-twice') continue;
    const timeout = /^(never|waits)/.test(broken.name) ? TIMEOUT : 10_000;
    test(broken.name, async () => {
      expect(await firstFailure(broken, { timeout }, BUT_THE_RACE)).toBeDefined();
    });
  }
});

test.skipIf(availableParallelism() < 2)(
  'one that looks at the guest twice is caught, by the race alone',
  async () => {
    const [looksTwice] = brokenSenders.filter(({ name }) => name === 'looks-twice');
    if (looksTwice === undefined) throw new Error('it is not there');
    const others = await codecOutcomes(looksTwice, {}, BUT_THE_RACE);
    expect(others.filter(({ outcome }) => outcome === 'failed')).toEqual([]);
    // It takes two cores at the same moment: on a machine full of other work that may need another go.
    let caught = false;
    for (let go = 0; go < 8 && !caught; go++) {
      caught = (await codecOutcomes(looksTwice, {}, RACE)).some(({ outcome }) => outcome === 'failed');
    }
    expect(caught).toBe(true);
  },
);

test('hostile payloads of the author are tried, and one that is let in is a failure', async () => {
  const hostile = [
    { name: 'nothing', count: 1, payload: () => new Uint8Array(0) },
    { name: 'a page that is good', count: 1, payload: () => Uint8Array.of(0, 7) },
  ];
  const ended = await codecOutcomes(reference, { hostile }, /is refused:/);
  expect(ended.map(({ name, outcome }) => [name, outcome])).toEqual([
    ['reference: is refused: nothing', 'passed'],
    ['reference: is refused: a page that is good', 'failed'],
  ]);
});

test('an opt-out names a case and a reason; what cannot run here is skipped, unless it is required', async () => {
  const name = 'channels in one thread do not mix';
  const [opted] = await codecOutcomes(reference, { optOut: { [name]: 'one device' } }, /do not mix/);
  expect(opted).toMatchObject({ outcome: 'skipped', name: expect.stringContaining('one device') });
  await expect(codecOutcomes(reference, { optOut: { 'no such case': 'why' } })).rejects.toThrow(
    /no such case/,
  );
  const absent = { ...reference, probe: () => ({ ok: false, reason: 'no device', fix: 'get one' }) as const };
  const ended = await codecOutcomes(absent);
  expect(ended.filter(({ outcome }) => outcome === 'passed')).toHaveLength(3);
  expect(ended.filter(({ outcome }) => outcome === 'failed')).toEqual([]);
  const [required] = await codecOutcomes(absent, { required: true }, /as required/);
  expect(required).toMatchObject({ outcome: 'failed', message: expect.stringContaining('no device') });
});
