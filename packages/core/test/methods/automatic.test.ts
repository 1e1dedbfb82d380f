import { DirtyBitmap, type GuestRamDescriptor, openRamBlockSync, type SourceEvent } from '@multifd/core';
import { testSeed } from '@multifd/testing/random';
import { describe, expect, it } from 'vitest';
import type { ChannelMethods } from '../../src/methods/automatic.js';
import { methodsForChannel } from '../../src/methods/automatic.js';
import type { MultiFDMethods } from '../../src/methods/methods.js';
import { noneMethod } from '../../src/methods/none.js';
import { Receivers } from '../../src/methods/receivers.js';
import { setUpSending } from '../../src/methods/sending.js';
import { openMemoryBlock } from '../../src/ram/memory-block.js';
import { createRamPacket } from '../../src/wire/ram-packet.js';
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
const options = { channel: 0, pageSize: PAGE, maxPages: 128, settings: {} };
const block = openMemoryBlock({
  kind: 'memory',
  name: 'ram',
  length: PAGE,
  segmentSize: PAGE,
  segments: [new SharedArrayBuffer(PAGE)],
});
const pages = { block, offsets: Float64Array.of(0), count: 1, vectors: [new Uint8Array(PAGE)] };

const refused = (reason: string): never => {
  throw new Error(reason);
};

const isLate = () => false;

/** Three methods and what was asked of them, in order. */
function observed(): { readonly methods: ChannelMethods; readonly log: string[] } {
  const log: string[] = [];
  const observedMethod = (name: string, flag: number): MultiFDMethods => ({
    ...noneMethod,
    name,
    flag,
    sendSetup: async (given) => {
      log.push(`${name} set up to send`);
      const hooks = await noneMethod.sendSetup(given);
      return { ...hooks, cleanup: () => void log.push(`${name} cleaned up`) };
    },
    recvSetup: async (given) => {
      log.push(`${name} set up to receive`);
      const hooks = await noneMethod.recvSetup(given);
      return { ...hooks, cleanup: () => void log.push(`${name} cleaned up`) };
    },
  });
  const all = [observedMethod('first', 0), observedMethod('second', 0x30), observedMethod('third', 0x28)];
  const [first = noneMethod] = all;
  const load = async (): Promise<readonly MultiFDMethods[]> => {
    log.push('all loaded');
    return all;
  };
  return { log, methods: { first, all: load } };
}

describe('a channel of a source that chooses', () => {
  it('loads and sets up a method with its first packet, once, and cleans up what it has set up', async () => {
    const { methods, log } = observed();
    let chosen = 0;
    const hooks = await setUpSending(methods, options, { chosen: () => chosen, isLate, refused });
    expect((await hooks.prepare(pages)).flag).toBe(0);
    expect(log).toEqual(['first set up to send']);
    chosen = 0x28;
    expect((await hooks.prepare(pages)).flag).toBe(0x28);
    expect((await hooks.prepare(pages)).flag).toBe(0x28);
    await hooks.cleanup();
    expect(log.slice(1)).toEqual([
      'all loaded',
      'third set up to send',
      'first cleaned up',
      'third cleaned up',
    ]);
  });

  it('loads nothing for a guest that stands still: what is not set up by then is not used', async () => {
    const { methods, log } = observed();
    let late = true;
    const hooks = await setUpSending(methods, options, { chosen: () => 0x30, isLate: () => late, refused });
    expect((await hooks.prepare(pages)).flag).toBe(0);
    expect(log).toEqual(['first set up to send']);
    late = false;
    expect((await hooks.prepare(pages)).flag).toBe(0x30);
    late = true;
    expect((await hooks.prepare(pages)).flag).toBe(0x30);
  });

  it('goes on with the first where the choice cannot be had, and says so once', async () => {
    const { methods, log } = observed();
    const reasons: string[] = [];
    const all = async (): Promise<readonly MultiFDMethods[]> =>
      (await methods.all()).map((method) =>
        method.flag === 0x30 ? { ...method, sendSetup: () => Promise.reject(new Error('busy')) } : method,
      );
    let chosen = 0x30;
    const hooks = await setUpSending({ ...methods, all }, options, {
      chosen: () => chosen,
      isLate,
      refused: (reason) => void reasons.push(reason),
    });
    expect((await hooks.prepare(pages)).flag).toBe(0);
    expect((await hooks.prepare(pages)).flag).toBe(0);
    chosen = 0x06;
    expect((await hooks.prepare(pages)).flag).toBe(0);
    expect(reasons).toEqual(['multifd method: busy', 'the method that was chosen cannot run in this thread']);
    await hooks.cleanup();
    expect(log.filter((line) => line.endsWith('cleaned up'))).toEqual(['first cleaned up']);
  });

  it('a method that has a name is the one, whatever its flag', async () => {
    const methods = await methodsForChannel('run-length', [fixture('run-length.mjs')]);
    const hooks = await setUpSending(methods, options, { chosen: () => 0, isLate, refused });
    expect((await hooks.prepare(pages)).flag).toBe(0x30);
  });
});

describe('a channel of a destination that takes several methods', () => {
  const packet = (flags: number) => ({ ...createRamPacket(PAGE), normalPages: 1, flags });

  it('loads and sets up a method with its first packet, once, and cleans up what it has set up', async () => {
    const { methods, log } = observed();
    const receivers = await Receivers.open(methods, options);
    // SYNC may ride on a packet with pages.
    expect((await receivers.of(packet(0x01), 'channel 0')).name).toBe('first');
    expect(log).toEqual(['first set up to receive']);
    expect((await receivers.of(packet(0x31), 'channel 0')).name).toBe('second');
    expect((await receivers.of(packet(0x30), 'channel 0')).name).toBe('second');
    await receivers.cleanup();
    expect(log.slice(1)).toEqual([
      'all loaded',
      'second set up to receive',
      'first cleaned up',
      'second cleaned up',
    ]);
  });

  it('refuses a method that it does not have, and names those that it has', async () => {
    const receivers = await Receivers.open(observed().methods, options);
    await expect(receivers.of(packet(0x04), 'channel 0, packet 7')).rejects.toThrow(
      /^channel 0, packet 7: compression flags .*first \(0x0\) or second \(0x30\) or third \(0x28\).*zstd \(0x4\)/,
    );
  });
});

describe('what a thread loads before it connects', () => {
  it('a method that has a name', async () => {
    const methods = await methodsForChannel('run-length', [fixture('run-length.mjs')]);
    expect(methods.first.name).toBe('run-length');
    expect(await methods.all()).toEqual([methods.first]);
    await expect(methodsForChannel('zstd', [])).rejects.toThrow(/zstd is not available/);
  });

  it('for auto only none', async () => {
    const methods = await methodsForChannel('auto', [fixture('bad-methods.mjs')]);
    expect(methods.first).toBe(noneMethod);
    await expect(methods.all()).rejects.toThrow(/does not export methods/);
  });
});

describe('multifd-compression auto, end to end', () => {
  const methodModules = [fixture('run-length.mjs')];
  // The line is known after a second at this rate, and the guest is gone after two.
  const parameters = { multifdCompression: 'auto', maxBandwidth: 8 * 2 ** 20 };
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
    expect(warnings).toEqual(['multifd-compression auto goes on without busy: busy: device busy']);
  });

  it('a setting that is out of range is refused before anything is sent', async () => {
    const guest = { ram: regular() };
    const outcome = await tryToMove({
      guest,
      parameters,
      source: { methodModules: [fixture('busy-methods.mjs')], methodSettings: { busy: 10 } },
      destination: { signal: AbortSignal.timeout(1500) },
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
      destination: { ...destination, signal: AbortSignal.timeout(2500) },
    });
    expectFailure(late.sent, 'codec-unavailable', /auto: its methods were not loaded after 700 ms/);
    const cancelled = await tryToMove({
      guest,
      parameters,
      source: { ...source, signal: AbortSignal.timeout(500) },
      destination: { ...destination, signal: AbortSignal.timeout(2500) },
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
    expectFailure(outcome.received, 'internal', /no room for a decompressor/);
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
