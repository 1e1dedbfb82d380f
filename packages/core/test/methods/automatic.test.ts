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

const PAGE = 4096;
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
    const hooks = await setUpSending(methods, options, {
      where: 'channel 0',
      chosen: () => chosen,
      isLate,
      refused,
    });
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
    const hooks = await setUpSending(methods, options, {
      where: 'channel 0',
      chosen: () => 0x30,
      isLate: () => late,
      refused,
    });
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
      where: 'channel 0',
      chosen: () => chosen,
      isLate,
      refused: (reason) => void reasons.push(reason),
    });
    expect((await hooks.prepare(pages)).flag).toBe(0);
    expect((await hooks.prepare(pages)).flag).toBe(0);
    chosen = 0x06;
    expect((await hooks.prepare(pages)).flag).toBe(0);
    expect(reasons).toEqual([
      'multifd method second: its sendSetup failed: busy',
      'the method that was chosen cannot run in this thread',
    ]);
    await hooks.cleanup();
    expect(log.filter((line) => line.endsWith('cleaned up'))).toEqual(['first cleaned up']);
  });

  it('a method that has a name is the one, whatever its flag', async () => {
    const methods = await methodsForChannel('run-length', [fixture('run-length.mjs')]);
    const hooks = await setUpSending(methods, options, {
      where: 'channel 0',
      chosen: () => 0,
      isLate,
      refused,
    });
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
