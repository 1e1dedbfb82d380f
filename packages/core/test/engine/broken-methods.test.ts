import { type MigrationParameters, migrate, receive, relay } from '@multifd/core';
import { testSeed } from '@multifd/testing/random';
import { afterEach, describe, expect, it } from 'vitest';
import { broken, fixture, PLAIN } from '../support/fixtures.js';
import { expectFailure, inTime, outcomeOf } from '../support/outcome.js';
import { move, tryToMove } from '../support/pair.js';
import { createGuestRam, MIB } from '../support/ram.js';
import { RawSource, raw } from '../support/raw-source.js';

const seed = testSeed();
const methodModules = [fixture('broken-methods.mjs')];
const guest = { ram: createGuestRam({ seed, fill: (page) => page.fill(1) }) };
/** `idleTimeout` and the limit of a test are far behind: whoever is not noticed in time fails by another error. */
const limits = { stallTimeout: 1000 };
/** For a setup that hangs: starting all threads must fit into it on a busy machine. */
const SETUP_TIMEOUT = 6000;

const closing: (() => void)[] = [];
afterEach(() => {
  for (const close of closing.splice(0)) close();
});

describe('a method that hangs is named', () => {
  it.each([
    ['recv-never-ends', /^channel \d: multifd method recv-never-ends did not come back within 2000 ms$/],
    ['recv-loops', /^channel \d: multifd method recv-loops did not come back within 2000 ms$/],
    ['recv-setup-never-ends', /^channel \d: multifd method recv-setup-never-ends did not come back/],
  ])('%s, on the destination', async (multifdCompression, says) => {
    const outcome = await tryToMove({
      guest,
      // The source must not be the one that notices.
      source: { methodModules, parameters: { multifdCompression } },
      destination: { methodModules, parameters: { ...limits, multifdCompression } },
    });
    expectFailure(outcome.received, 'codec', says);
    expectFailure(outcome.sent, 'peer-closed');
    await move({ guest });
  });

  it.each([
    ['prepare-never-ends', 'codec', /^channel \d: multifd method prepare-never-ends did not come back/],
    ['prepare-loops', 'codec', /^channel \d: multifd method prepare-loops did not come back/],
    // The limit on waits for the line is not what ends it.
    ['prepare-loops', 'codec', /^channel \d: multifd method prepare-loops did not come back/, MIB],
    [
      'send-setup-never-ends',
      'codec-unavailable',
      /^multifd method send-setup-never-ends: not ready in 2 of 3 threads after 6000 ms$/,
    ],
  ] as const)('%s, on the source', async (multifdCompression, code, says, maxBandwidth = 0) => {
    const outcome = await tryToMove({
      guest,
      parameters: { multifdCompression },
      source: {
        methodModules,
        parameters: {
          ...limits,
          ...(code === 'codec-unavailable' ? { setupTimeout: SETUP_TIMEOUT } : {}),
          multifdCompression,
          maxBandwidth,
        },
      },
      destination: { methodModules },
      waitsOn: true,
    });
    expectFailure(outcome.sent, code, says);
    expectFailure(outcome.received, ['peer-closed', 'cancelled']);
    await move({ guest });
  });

  it.each([
    ['incoming', 'recv-loops', /^channel \d: multifd method recv-loops did not come back/],
    ['outgoing', 'prepare-loops', /^outgoing channel \d: multifd method prepare-loops did not come back/],
  ] as const)('%s side of a relay: %s', async (side, multifdCompression, says) => {
    const parameters: Partial<MigrationParameters> = { multifdCompression };
    const outgoing = side === 'outgoing' ? parameters : {};
    const incoming = await receive({ listen: 'tcp:127.0.0.1:0', parameters: outgoing, methodModules });
    closing.push(() => incoming.close());
    const relaying = await relay({
      listen: 'tcp:127.0.0.1:0',
      to: incoming.address,
      incoming: { ...limits, ...(side === 'incoming' ? parameters : {}) },
      outgoing: { ...limits, ...outgoing },
      accelerator: PLAIN,
      methodModules,
    });
    const sent = outcomeOf(
      migrate({
        guest,
        to: relaying.address,
        accelerator: PLAIN,
        parameters: side === 'incoming' ? parameters : {},
        methodModules,
      }),
      'migrate',
    );
    expectFailure(await outcomeOf(relaying.result, 'relay'), 'codec', says);
    expectFailure(await sent, 'peer-closed');
  });
});

describe('a method that never finishes loading is named, and not the accelerator', () => {
  const never = [fixture('never-loads-methods.mjs')];
  const parameters = { ...limits, setupTimeout: SETUP_TIMEOUT, multifdCompression: 'some' };

  it.each(['multifd', 'legacy'] as const)('on the source, %s', async (zeroPageDetection) => {
    const sent = migrate({
      to: 'tcp:127.0.0.1:9',
      guest,
      accelerator: PLAIN,
      methodModules: never,
      parameters: { ...parameters, zeroPageDetection },
    });
    const says = /^multifd method some: not ready in 2 of 3 threads after 6000 ms$/;
    expectFailure(await outcomeOf(sent, 'migrate'), 'codec-unavailable', says);
  });

  it('beside it an accelerator that never opens is still the one that is named', async () => {
    const sent = migrate({
      to: 'tcp:127.0.0.1:9',
      guest,
      accelerator: broken('open-never-ends'),
      methodModules,
      parameters: { ...parameters, multifdCompression: 'only-copies', stallTimeout: 60_000 },
    });
    const says = /^accelerator open-never-ends: not open in 2 of 3 threads/;
    expectFailure(await outcomeOf(sent, 'migrate'), 'accelerator', says);
  });

  it('on the destination, though nobody connects', async () => {
    const incoming = await receive({ listen: 'tcp:127.0.0.1:0', parameters, methodModules: never });
    const says = /^multifd method some: not ready in 3 of 3 threads after 6000 ms$/;
    expectFailure(await outcomeOf(incoming.result, 'receive'), 'codec-unavailable', says);
  });

  it("on a relay's outgoing side, though nobody connects", async () => {
    const relaying = await relay({
      listen: 'tcp:127.0.0.1:0',
      to: 'tcp:127.0.0.1:9',
      outgoing: parameters,
      accelerator: PLAIN,
      methodModules: never,
    });
    const says = /^multifd method some: not ready in 2 of 2 threads after 6000 ms$/;
    expectFailure(await outcomeOf(relaying.result, 'relay'), 'codec-unavailable', says);
  });
});

describe('a method that takes its thread down is named', () => {
  it.each([
    ['exits-in-send-setup', 'codec-unavailable', /^multifd method exits-in-send-setup took.*code 5/],
    // Its connection is gone with the thread: the destination's answer to that may be noticed before the thread's end.
    ['exits-in-prepare', 'codec', /^multifd method exits-in-prepare took its thread down.*code 6|connection/],
    [
      'throws-after-prepare',
      'codec',
      /^multifd method throws-after-prepare took.*an afterthought|connection/,
    ],
  ] as const)('%s, on the source', async (multifdCompression, code, says) => {
    const outcome = await tryToMove({
      guest,
      parameters: { multifdCompression },
      source: { methodModules },
      destination: { methodModules },
      waitsOn: true,
    });
    expectFailure(outcome.sent, [code, 'peer-closed'], says);
    expectFailure(outcome.received, ['peer-closed', 'cancelled']);
  });

  it('exits-in-recv, on the destination', async () => {
    const outcome = await tryToMove({
      guest,
      parameters: { multifdCompression: 'exits-in-recv' },
      source: { methodModules },
      destination: { methodModules },
    });
    const says =
      /^multifd method exits-in-recv took its thread down: incoming thread \d.*code 7|connection|closed it/;
    expectFailure(outcome.received, ['codec', 'peer-closed'], says);
    expectFailure(outcome.sent, 'peer-closed');
  });
});

it('a source that pauses in the middle of a payload is not the fault of the method', async () => {
  const incoming = await receive({
    listen: 'tcp:127.0.0.1:0',
    parameters: { multifdChannels: 1, multifdCompression: 'only-copies', stallTimeout: 500 },
    methodModules,
  });
  const source = new RawSource(incoming.address);
  closing.push(() => source.close());
  const main = await source.open(raw.header(), raw.start([{ name: 'pc.ram', length: MIB }]));
  const packet = raw.packet({ block: 'pc.ram', normal: [0, 4096], fill: 3, flags: 0x32 });
  const channel = await source.open(raw.init(0), raw.sync(), packet.subarray(0, packet.length - 5000));
  // Five times what a method may take.
  await new Promise((resolve) => setTimeout(resolve, 5000));
  channel.write(packet.subarray(packet.length - 5000));
  channel.write(raw.sync());
  // Main says that a SYNC is due only when it has left.
  main.write(Buffer.concat([raw.part('end'), raw.end()]));
  const received = await inTime(incoming.result, 'receive');
  expect(received.statistics.normal).toBe(2);
});
