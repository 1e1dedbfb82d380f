import { DirtyBitmap, type GuestRamDescriptor, openRamBlockSync, type SourceEvent } from '@multifd/core';
import { testSeed } from '@multifd/testing/random';
import { describe, expect, it } from 'vitest';
import { fixture } from '../support/fixtures.js';
import { expectFailure, expectValue } from '../support/outcome.js';
import { move, tryToMove } from '../support/pair.js';
import { createGuestRam, windowOf } from '../support/ram.js';

const PAGE = 4096;
const warningsTo =
  (warnings: string[]) =>
  (event: SourceEvent): void => {
    if (event.type === 'warning') warnings.push(event.message);
  };

describe('multifd-compression auto, end to end', () => {
  const methodModules = [fixture('run-length.mjs')];
  // The line is known after a second, and the guest is gone after four: a busy machine chooses late.
  const parameters = { multifdCompression: 'auto', maxBandwidth: 4 * 2 ** 20 };
  const PAGES = 4096;
  const regular = (live = false): GuestRamDescriptor =>
    createGuestRam({
      seed: testSeed(),
      live,
      blocks: [{ name: 'pc.ram', length: PAGES * PAGE }],
      fill: (page, index) => page.fill(1 + (index % 200)),
    });

  it('goes over to a method midway, on both ends', async () => {
    const own = { methodModules };
    const { sent } = await move({ guest: { ram: regular() }, parameters, source: own, destination: own });
    expect(sent.compression).toMatchObject({ name: 'run-length' });
    expect(sent.statistics.multifdBytes).toBeLessThan(sent.statistics.normalBytes);
  });

  it.each(['multifd', 'legacy', 'none'] as const)(
    'a guest that goes on writing, zero-page-detection %s',
    async (zeroPageDetection) => {
      const own = { methodModules };
      const ram = regular(true);
      const dirty = new DirtyBitmap(ram.dirty?.[0] ?? new SharedArrayBuffer(0), PAGES);
      const [descriptor] = ram.blocks;
      if (descriptor === undefined) throw new Error('no block');
      const block = openRamBlockSync(descriptor);
      let looks = 0;
      // Pages of the first rounds, sent as they are, come again when the channels compress; some of them zero by then.
      const syncDirty = (): void => {
        if (++looks > 4) return;
        for (let page = looks; page < PAGES; page += 5) {
          windowOf(block, page * PAGE, PAGE).fill(page % 2 === 0 ? 0 : looks);
          dirty.mark(page);
        }
      };
      const { sent } = await move({
        guest: { ram, syncDirty },
        parameters: { ...parameters, zeroPageDetection },
        source: own,
        destination: own,
      });
      expect(sent.compression).toMatchObject({ name: 'run-length' });
      expect(sent.statistics.dirtySyncCount).toBeGreaterThan(4);
    },
  );

  it('a method that no channel can have: none goes on, and that is told once', async () => {
    const warnings: string[] = [];
    const { sent } = await move({
      guest: { ram: regular() },
      parameters,
      source: { methodModules: [fixture('shy-methods.mjs')], onEvent: warningsTo(warnings) },
      destination: { methodModules },
    });
    expect(sent.compression).toMatchObject({ name: 'run-length' });
    expect(sent.statistics.multifdBytes).toBeGreaterThan(sent.statistics.normalBytes);
    expect(warnings).toEqual([
      'multifd-compression auto goes on with none: the method that was chosen cannot run in this thread',
    ]);
  });

  it('a method that cannot be tried spoils nothing for the others', async () => {
    const warnings: string[] = [];
    const modules = { methodModules: [fixture('busy-methods.mjs'), ...methodModules] };
    const { sent } = await move({
      guest: { ram: regular() },
      parameters,
      source: { ...modules, onEvent: warningsTo(warnings) },
      destination: modules,
    });
    expect(sent.compression).toMatchObject({ name: 'run-length' });
    expect(warnings).toEqual([
      expect.stringMatching(
        /^multifd-compression auto goes on without busy: multifd method busy \(file:.*busy-methods\.mjs\): its sendSetup failed: device busy$/,
      ),
    ]);
  });

  it('a setting that is out of range is refused before anything is sent', async () => {
    const guest = { ram: regular() };
    const outcome = await tryToMove({
      guest,
      parameters,
      source: { methodModules: [fixture('busy-methods.mjs')], methodSettings: { busy: 10 } },
      waitsOn: true,
    });
    expectFailure(outcome.sent, 'usage', /^busy must be at most 9, got 10$/);
    await move({ guest });
  });

  it('a module that never loads: the time limit of the setup ends it, or a cancellation, and the guest can go elsewhere', async () => {
    const guest = { ram: regular() };
    const source = { methodModules: [fixture('never-loads.mjs')] };
    const destination = { parameters: { multifdCompression: 'none' } };
    const late = await tryToMove({
      guest,
      parameters: { ...parameters, setupTimeout: 700 },
      source,
      destination,
      waitsOn: true,
    });
    expectFailure(late.sent, 'codec-unavailable', /auto: its methods were not loaded after 700 ms/);
    const cancelled = await tryToMove({
      guest,
      parameters,
      source: { ...source, signal: AbortSignal.timeout(500) },
      destination,
      waitsOn: true,
    });
    expectFailure(cancelled.sent, 'cancelled');
    await move({ guest });
  });

  it('a method that cannot be set up when its time comes ends it, and the guest can go elsewhere', async () => {
    const guest = { ram: regular() };
    const outcome = await tryToMove({
      guest,
      parameters,
      source: { methodModules },
      destination: { methodModules: [fixture('no-receiver.mjs')] },
    });
    expectFailure(outcome.received, 'codec-unavailable', /recvSetup failed: no room for a decompressor/);
    expectFailure(outcome.sent, 'peer-closed');
    await move({ guest });
  });

  it('a module that cannot be loaded: told before anybody connects', async () => {
    const outcome = await tryToMove({
      guest: { ram: createGuestRam({ seed: testSeed() }) },
      destination: {
        methodModules: [fixture('bad-methods.mjs')],
        parameters: { multifdCompression: 'auto' },
      },
    });
    expectFailure(outcome.received, 'codec-unavailable', /does not export methods/);
    expectFailure(outcome.sent, ['io', 'peer-closed']);
  });

  it('a destination that takes every method takes none as well', async () => {
    const outcome = await tryToMove({
      guest: { ram: createGuestRam({ seed: testSeed() }) },
      destination: { methodModules, parameters: { multifdCompression: 'auto' } },
    });
    expectValue(outcome.sent);
    expectValue(outcome.received);
  });
});
