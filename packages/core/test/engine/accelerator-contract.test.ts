import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  type AcceleratorReference,
  AcceleratorRegistry,
  type Guest,
  migrate,
  relay,
  type SettingValues,
} from '@multifd/core';
import { testSeed } from '@multifd/testing/random';
import { describe, expect, it } from 'vitest';
import { destination } from '../support/ends.js';
import { fixture, PLAIN } from '../support/fixtures.js';
import { expectFailure, expectValue, outcomeOf } from '../support/outcome.js';
import { move, tryToMove } from '../support/pair.js';
import { createGuestRam, MIB } from '../support/ram.js';

const seed = testSeed();
const TOLD = fixture('told-accelerators.mjs');

const told = (name: string, settings: SettingValues = {}, rest = {}): AcceleratorReference => ({
  module: TOLD,
  name,
  settings,
  ...rest,
});

function makeGuest(length = 40 * MIB): Guest {
  return { ram: createGuestRam({ seed, blocks: [{ name: 'pc.ram', length }] }) };
}

function makeLog(): string {
  return join(mkdtempSync(join(tmpdir(), 'accelerator-')), 'log');
}

/** What each thread's detector was told, in order. */
function readLog(log: string): ReadonlyMap<string, readonly string[]> {
  const threads = new Map<string, string[]>();
  for (const line of readFileSync(log, 'utf8').trim().split('\n')) {
    const [thread = '', ...words] = line.split(' ');
    threads.set(thread, [...(threads.get(thread) ?? []), words.join(' ')]);
  }
  return threads;
}

describe.each(['multifd', 'legacy'] as const)(
  'an accelerator of contract version 2, %s',
  (zeroPageDetection) => {
    const parameters = { zeroPageDetection, multifdChannels: 2, stallTimeout: 4000 };
    const threads = zeroPageDetection === 'multifd' ? ['0', '1'] : ['main'];

    it('is told its settings in each thread, and of the memory before its first batch and before its end', async () => {
      const log = makeLog();
      const guest = makeGuest();
      const accelerator = told('told', { log, depth: 7, wq: ['wq0.0'] }, { numaNode: 1 });
      const { sent } = await move({ guest, parameters, source: { accelerator } });
      expect(sent.accelerator).toEqual(accelerator);
      const seen = readLog(log);
      expect([...seen.keys()].sort()).toEqual(threads);
      for (const lines of seen.values()) {
        const [opened = '', ...rest] = lines;
        expect(JSON.parse(opened.replace('open ', ''))).toEqual({
          depth: 7,
          share: 0.5,
          mode: 'shared',
          pin: false,
          wq: ['wq0.0'],
          numaNode: 1,
          line: false,
        });
        // A channel may find nothing left to claim.
        expect(rest.filter((line) => line !== 'detect')).toEqual([
          `attach pc.ram ${40 * MIB} memory anonymous ${40 * MIB}`,
          'detach',
          'close',
        ]);
        if (rest.includes('detect')) expect(rest.indexOf('detect')).toBe(1);
      }
    });

    it('counts what its device did, summed over all threads', async () => {
      const guest = makeGuest();
      const { sent } = await move({ guest, parameters, source: { accelerator: told('told') } });
      const { offload, zeroPages, normal } = sent.statistics;
      expect((offload?.device ?? 0) + (offload?.cpuAfterFault ?? 0)).toBe(zeroPages + normal);
      expect(offload?.cpuAfterFault).toBeGreaterThan(0);
      expect(offload?.queueFullRetries).toBeGreaterThan(0);
      expect(offload?.deviceTime).toBe((offload?.queueFullRetries ?? 0) / 4);
    });

    it.each(['silent', 'plain'])('that does not count has no numbers, which is not 0: %s', async (name) => {
      const accelerator = name === 'plain' ? PLAIN : told(name);
      const { sent } = await move({ guest: makeGuest(), parameters, source: { accelerator } });
      expect(sent.statistics.offload).toBeUndefined();
    });

    it('that ceases to count ends no migration, and has no numbers', async () => {
      const accelerator = told('counts-later');
      const { sent } = await move({ guest: makeGuest(), parameters, source: { accelerator } });
      expect(sent.statistics.offload).toBeUndefined();
    });

    it('takes smaller batches, and fewer at a time, than it declares', async () => {
      const guest = makeGuest();
      const { sent } = await move({ guest, parameters, source: { accelerator: told('smaller') } });
      const { offload, zeroPages, normal } = sent.statistics;
      expect(offload?.queueFullRetries).toBeGreaterThanOrEqual((zeroPages + normal) / 7);
    });

    it.each([
      ['larger-batch', /its preferredBatch is 257: not a whole number from 1 to 256, as declared/],
      ['more-in-flight', /its inFlight is 5: not a whole number from 1 to 4, as declared/],
      ['counts-nonsense', /counters\(\)\.device must be a whole number, 0 or more/],
      ['cannot-attach', /cannot-attach could not be opened: no memory may be pinned/],
    ])('%s is refused when it is opened', async (name, says) => {
      const source = { accelerator: told(name) };
      const { sent } = await tryToMove({ guest: makeGuest(), parameters, source, waitsOn: true });
      expectFailure(sent, 'accelerator', says);
    });

    it.each<[string, SettingValues, RegExp]>([
      ['told', { depth: 129 }, /accelerator told: depth must be a whole number from 1 to 128, is 129/],
      ['told', { deph: 1 }, /accelerator told has no setting deph; it has log, depth/],
      ['plain', { depth: 1 }, /accelerator plain is of contract version 1, which has no settings, got depth/],
    ])('%s, told %j: refused before it is opened', async (name, settings, says) => {
      const log = makeLog();
      const accelerator = name === 'plain' ? { ...PLAIN, settings } : told(name, { log, ...settings });
      const fallbacks = [PLAIN];
      const source = { accelerator, fallbacks };
      const { sent } = await tryToMove({ guest: makeGuest(), parameters, source, waitsOn: true });
      expectFailure(sent, 'usage', says);
      expect(() => readFileSync(log)).toThrow(/ENOENT/);
    });

    it('with a call in flight at the end, close alone withdraws the memory', async () => {
      const log = makeLog();
      const source = { accelerator: told('hangs', { log }) };
      const hasty = { ...parameters, stallTimeout: 500 };
      const { sent } = await tryToMove({ guest: makeGuest(), parameters: hasty, source });
      expectFailure(sent, 'accelerator', /hangs gave no answer within 500 ms/);
      for (const lines of readLog(log).values()) {
        expect(lines).toContain('close');
        if (lines.includes('detect')) expect(lines).not.toContain('detach');
      }
    });
  },
);

it('a file is announced without memory, and its pages are checked in copies', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'accelerator-'));
  const path = join(folder, 'image');
  writeFileSync(path, Buffer.alloc(MIB, 7));
  const log = makeLog();
  const file = { kind: 'file', name: 'disk', length: MIB, path, writable: false } as const;
  const { ram } = makeGuest(2 * MIB);
  const guest = { ram: { ...ram, blocks: [...ram.blocks, file] } };
  const parameters = { multifdChannels: 1 };
  await move({ guest, parameters, source: { accelerator: told('told', { log }) } });
  const lines = readLog(log).get('0') ?? [];
  expect(lines.filter((line) => line.startsWith('attach'))).toEqual([
    `attach pc.ram ${2 * MIB} memory anonymous ${2 * MIB}`,
    `attach disk ${MIB} file undefined 0`,
  ]);
  rmSync(folder, { recursive: true });
});

it('a relay tells its accelerator the settings, announces no memory, and counts what its device did', async () => {
  const log = makeLog();
  const parameters = { multifdChannels: 2 };
  const { incoming } = await destination({ parameters });
  const between = await relay({
    listen: 'tcp:127.0.0.1:0',
    to: incoming.address,
    incoming: parameters,
    outgoing: parameters,
    accelerator: told('told', { log, depth: 3 }),
  });
  const { ram } = makeGuest(8 * MIB);
  // Not checked at the source: the relay has all of it to check.
  const unchecked = { ...parameters, zeroPageDetection: 'none' as const };
  const sent = migrate({ to: between.address, guest: { ram }, parameters: unchecked });
  expectValue(await outcomeOf(sent, 'migrate'));
  const { outgoing } = expectValue(await outcomeOf(between.result, 'relay'));
  const { offload, zeroPages, normal } = outgoing;
  expect(offload?.device).toBeGreaterThan(0);
  expect((offload?.device ?? 0) + (offload?.cpuAfterFault ?? 0)).toBe(zeroPages + normal);
  for (const [opened = '', ...rest] of readLog(log).values()) {
    expect(opened).toContain('"depth":3');
    expect(rest.filter((line) => line !== 'detect')).toEqual(['close']);
  }
});

describe('an accelerator of contract version 1', () => {
  const strict = { module: fixture('of-version-1.mjs'), name: 'strict' };

  it.each(['multifd', 'legacy'] as const)(
    'migrates as it is, called as that version says: %s',
    async (mode) => {
      const parameters = { zeroPageDetection: mode };
      const { sent } = await move({ guest: makeGuest(), parameters, source: { accelerator: strict } });
      expect(sent.accelerator).toEqual(strict);
      expect(sent.statistics.offload).toBeUndefined();
    },
  );

  it('is listed as one, and refuses settings with words that say how to move', async () => {
    const registry = new AcceleratorRegistry();
    registry.register(strict.module);
    expect(await registry.list()).toEqual([
      expect.objectContaining({ probe: { ok: true, detail: 'of version 1' }, specVersion: 1, settings: {} }),
    ]);
    await expect(registry.choose('strict', { settings: { depth: 1 } })).rejects.toMatchObject({
      code: 'usage',
      message: 'accelerator strict is of contract version 1, which has no settings, got depth',
      hint: expect.stringContaining('Moving from version 1'),
    });
  });
});

describe('settings of an accelerator', () => {
  it.each<[object, RegExp]>([
    [{ settings: { depth: { most: 1 } } }, /settings must be text, numbers, booleans and lists of text/],
    [{ settings: 'depth=1' }, /settings must be text/],
    [{ numaNode: -1 }, /numaNode must be a whole number, is -1/],
  ])('%j are refused at once', async (rest, says) => {
    // As a program without types has it.
    const accelerator = JSON.parse(JSON.stringify({ module: TOLD, name: 'told', ...rest }));
    const { sent } = await tryToMove({ guest: makeGuest(), source: { accelerator }, waitsOn: true });
    expectFailure(sent, 'usage', says);
  });

  it.each(['registered', 'apart'])(
    'are what the registry probes with, and part of its choice: %s',
    async (how) => {
      const registry = new AcceleratorRegistry();
      if (how === 'registered') registry.register(TOLD);
      const requested = how === 'registered' ? 'told' : `${TOLD}:told`;
      const settings = { wq: ['wq0.0', 'wq0.1'] };
      const choice = await registry.choose(requested, { settings });
      expect(choice).toMatchObject({ accelerator: { name: 'told', settings }, detail: '2 queues' });
      await expect(registry.choose(requested, { settings: { wq: ['none'] } })).rejects.toMatchObject({
        code: 'accelerator-unavailable',
        message: 'accelerator told cannot run here: there is no queue none',
      });
      await expect(registry.choose(requested, { settings: { depth: 0 } })).rejects.toMatchObject({
        code: 'usage',
        message: 'accelerator told: depth must be a whole number from 1 to 128, is 0',
      });
      await expect(registry.choose('auto', { settings })).rejects.toMatchObject({ code: 'usage' });
      const { sent } = await move({ guest: makeGuest(), source: { accelerator: choice } });
      expect(sent.accelerator).toEqual({ module: TOLD, name: 'told', settings, shares: false });
    },
  );

  it.each(['registered', 'apart'])(
    'and devices are listed, a broken list as what cannot be used: %s',
    async (how) => {
      const registry = new AcceleratorRegistry();
      if (how === 'registered') registry.register(TOLD);
      const all = how === 'registered' ? await registry.list() : await registry.probe(TOLD);
      expect(all[0]).toMatchObject({ specVersion: 2, settings: { depth: { min: 1, max: 128 } } });
      expect(all[0]?.devices).toEqual([
        { id: 'wq0.0', what: 'a queue', numaNode: 0, queueDepth: 32, mode: 'shared', usable: true },
        { id: 'wq0.1', what: 'a queue', usable: false, reason: 'not yours', fix: 'ask its owner' },
      ]);
      const odd = all.find(({ reference }) => reference.name === 'odd-list');
      expect(odd?.devices).toEqual([
        expect.objectContaining({
          usable: false,
          reason: expect.stringMatching(/its list failed: .*what must be/),
        }),
      ]);
      expect(await registry.probe(PLAIN.module)).toEqual(
        expect.arrayContaining([expect.objectContaining({ specVersion: 1, settings: {} })]),
      );
    },
  );
});
