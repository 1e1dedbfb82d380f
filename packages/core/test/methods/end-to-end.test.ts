import { receive } from '@multifd/core';
import { testSeed } from '@multifd/testing/random';
import { describe, expect, it } from 'vitest';
import { fixture } from '../support/fixtures.js';
import { expectFailure, expectValue, outcomeOf } from '../support/outcome.js';
import { move, tryToMove } from '../support/pair.js';
import { createGuestRam, mixedFill } from '../support/ram.js';

const seed = testSeed();
const methodModules = [fixture('run-length.mjs')];
const parameters = { multifdCompression: 'run-length' };
const both = { source: { methodModules }, destination: { methodModules } };
const brokenModules = [fixture('broken-methods.mjs')];

describe("a third party's method", () => {
  it.each(['multifd', 'legacy', 'none'] as const)('moves memory, %s', async (zeroPageDetection) => {
    const ram = createGuestRam({ seed, fill: mixedFill });
    const { sent } = await move({
      guest: { ram },
      parameters: { ...parameters, zeroPageDetection },
      ...both,
    });
    expect(sent.statistics.normalBytes).toBe(sent.statistics.normal * 4096);
  });

  it('makes less of what is regular', async () => {
    const ram = createGuestRam({ seed, fill: (page, index) => page.fill(1 + (index % 200)) });
    const { sent } = await move({ guest: { ram }, parameters, ...both });
    expect(sent.statistics.transferred).toBeLessThan(sent.statistics.normalBytes / 10);
  });

  it('gets its settings on both ends', async () => {
    const ram = createGuestRam({ seed, fill: (page, index) => page.fill(1 + (index % 200)) });
    const methodSettings = { xor: 0x5a };
    const own = { methodModules, methodSettings };
    await move({ guest: { ram }, parameters, source: own, destination: own });
    // Proof that the settings arrive: with others on one end the memory is another.
    const outcome = await tryToMove({
      guest: { ram },
      parameters,
      source: own,
      destination: { methodModules },
    });
    expectValue(outcome.sent);
    expectValue(outcome.received);
    await expect(
      move({ guest: { ram }, parameters, source: own, destination: { methodModules } }),
    ).rejects.toThrow(/byte 0 is 91, not 1/);
  });
});

describe("what a method's settings may be", () => {
  const guest = { ram: createGuestRam({ seed }) };
  const declares = [fixture('set-methods.mjs')];

  it('a value of the declared range', async () => {
    const own = { methodModules: declares, methodSettings: { xor: 255 } };
    await move({ guest, parameters, source: own, destination: own });
  });

  it.each([
    [{ xro: 1 }, /no method of methodModules has a setting xro; known here: xor$/],
    [{ xor: 256 }, /xor must be a whole number from 0 to 255, is 256$/],
    [{ xor: -1 }, /from 0 to 255, is -1$/],
    [{ xor: 1.5 }, /from 0 to 255, is 1\.5$/],
    [{ xor: 'x' }, /from 0 to 255, is "x"$/],
  ])('%o is refused by a source and by a destination', async (methodSettings, words) => {
    const wrong = { methodModules: declares, methodSettings };
    const right = { methodModules: declares };
    const sends = await tryToMove({ guest, parameters, source: wrong, destination: right, waitsOn: true });
    expectFailure(sends.sent, 'usage', words);
    const takes = outcomeOf(
      receive({ listen: 'tcp:127.0.0.1:0', parameters, ...wrong }).then(({ result }) => result),
      'receive',
    );
    expectFailure(await takes, 'usage', words);
  });
});

describe('methods that do not fit', () => {
  const guest = { ram: createGuestRam({ seed }) };

  it('only the source compresses', async () => {
    const outcome = await tryToMove({ guest, source: { methodModules, parameters } });
    expectFailure(outcome.received, 'incompatible', /channel \d, packet \d+: compression flags at byte 8/);
    expectFailure(outcome.sent, 'incompatible', /^the destination says: channel \d/);
    await move({ guest });
  });

  it('only the destination compresses', async () => {
    const outcome = await tryToMove({ guest, destination: { methodModules, parameters } });
    expectFailure(outcome.received, 'incompatible', /channel \d, packet \d+: .*expected run-length \(0x30\)/);
    expectFailure(outcome.sent, 'incompatible', /^the destination says: channel \d/);
  });

  it('a method that is not there, on the source', async () => {
    const outcome = await tryToMove({
      guest,
      source: { parameters: { multifdCompression: 'zstd' } },
      waitsOn: true,
    });
    expectFailure(outcome.sent, 'codec-unavailable', /multifdCompression zstd is not available/);
  });

  it('a method that is not there, on the destination: told before anybody connects', async () => {
    const call = receive({ listen: 'tcp:127.0.0.1:0', parameters: { multifdCompression: 'zstd' } });
    const says = /multifdCompression zstd is not available/;
    expectFailure(await outcomeOf(call, 'receive'), 'codec-unavailable', says);
  });
});

describe('methods that break', () => {
  it.each([
    [
      'throws-in-prepare',
      'source',
      'codec',
      /^channel \d: multifd method \S+ \(file:.*broken-methods\.mjs\): its prepare failed: cannot compress$/,
    ],
    ['throws-in-send-setup', 'source', 'codec-unavailable', /\.mjs\): its sendSetup failed: no compressor$/],
    [
      'sends-with-nothing',
      'source',
      'codec-unavailable',
      /^multifd method sends-with-nothing \(file:.*broken-methods\.mjs\): what its sendSetup gave has no prepare and no cleanup$/,
    ],
    [
      'prepares-nothing',
      'source',
      'codec',
      /^channel \d: .*\.mjs\): what its prepare gave has no vectors, an array of Uint8Array$/,
    ],
    [
      'prepares-another-size',
      'source',
      'codec',
      /\.mjs\): what its prepare gave has the size \d+, and \d+ bytes in its vectors$/,
    ],
    [
      'throws-in-recv',
      'destination',
      'protocol',
      /^channel \d, packet \d+: throws-in-recv: cannot decompress$/,
    ],
    [
      'throws-in-recv-setup',
      'destination',
      'codec-unavailable',
      /\.mjs\): its recvSetup failed: no decompressor$/,
    ],
    [
      'receives-with-nothing',
      'destination',
      'codec-unavailable',
      /\.mjs\): what its recvSetup gave has no maxPayload and no recv and no cleanup$/,
    ],
    [
      'bounds-nothing',
      'destination',
      'codec',
      /^channel \d, packet \d+: multifd method bounds-nothing: its maxPayload\(\d+\) gave no number of bytes$/,
    ],
    ['reads-too-little', 'destination', 'protocol', /^channel \d, packet \d+: payload size/],
    ['reads-too-much', 'destination', 'protocol', /^channel \d, packet \d+: payload size/],
  ] as const)('%s', async (name, where, code, says) => {
    const guest = { ram: createGuestRam({ seed, fill: (page) => page.fill(1) }) };
    const outcome = await tryToMove({
      guest,
      parameters: { multifdCompression: name },
      source: { methodModules: brokenModules },
      destination: { methodModules: brokenModules },
      waitsOn: where === 'source',
    });
    const [first, other] =
      where === 'source' ? [outcome.sent, outcome.received] : [outcome.received, outcome.sent];
    expectFailure(first, code, says);
    expectFailure(other, ['peer-closed', 'cancelled']);
    await move({ guest });
  });

  it('one that cannot clean up undoes nothing', async () => {
    const guest = { ram: createGuestRam({ seed, fill: (page) => page.fill(1) }) };
    await move({
      guest,
      parameters: { multifdCompression: 'throws-in-cleanup' },
      source: { methodModules: brokenModules },
      destination: { methodModules: brokenModules },
    });
  });
});
