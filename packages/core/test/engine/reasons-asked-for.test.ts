import { once } from 'node:events';
import type { ReceiveOptions } from '@multifd/core';
import { testSeed } from '@multifd/testing/random';
import { describe, expect, it } from 'vitest';
import { COMMAND, encodeCommand, encodePong, encodeShut } from '../../src/public/wire.js';
import { u32 } from '../../src/wire/bytes.js';
import { RETURN_PATH_REQUEST } from '../../src/wire/reason.js';
import { PING_WANTS_REASON, PONG_IS_MULTIFD } from '../../src/wire/return-path.js';
import { destination, rawSource, until } from '../support/ends.js';
import { expectFailure, expectValue, inTime, outcomeOf } from '../support/outcome.js';
import { goTo, tryToMove } from '../support/pair.js';
import { createGuestRam, MIB } from '../support/ram.js';
import { raw } from '../support/raw-source.js';

const BLOCKS = [{ name: 'pc.ram', length: 2 * MIB }];
const REASON = Buffer.of(0x4d, 0x47);
const seed = testSeed();
const newGuest = () => ({ ram: createGuestRam({ seed, blocks: BLOCKS }) });
const patient = { setupTimeout: 30_000, stallTimeout: 30_000 };
const uuid = new Uint8Array(16).fill(7);

/** A source that says its first bytes by hand, and all that it hears on main. */
async function byHand(address: string, ...bytes: readonly Uint8Array[]) {
  const source = rawSource(address);
  const main = await source.open(...bytes);
  const heard: Buffer[] = [];
  main.on('data', (chunk: Buffer) => heard.push(chunk));
  return { source, main, heard: () => Buffer.concat(heard), closed: once(main, 'close') };
}

const listen = (options: Partial<ReceiveOptions>) =>
  destination({ ...options, parameters: { ...patient, multifdChannels: 1, ...options.parameters } });

const ping = (value: number): Uint8Array => encodeCommand(COMMAND.PING, u32(value));

describe('a source that does not ask for a reason never gets one', () => {
  it.each([
    [1, [encodePong(1)]],
    [2, [encodePong(2)]],
    [3, [encodePong(3)]],
    [4, [encodePong(4)]],
    [0x42, [encodePong(0x42)]],
    // Ours: answered when setup is over, and it fails before.
    [0x4d46_0002, []],
  ])('PING %i: what a QEMU hears, SHUT(1), and nothing else', async (value, pong) => {
    const { incoming } = await listen({ maxRam: MIB });
    const { source, heard, closed } = await byHand(
      incoming.address,
      raw.header(),
      raw.returnPath(),
      ping(value),
      raw.start(BLOCKS),
    );
    await source.open(raw.init(0), raw.sync());
    await inTime(closed, 'main');
    expectFailure(await outcomeOf(incoming.result, 'receive'), 'incompatible');
    expect(heard()).toEqual(Buffer.concat([...pong, encodeShut(1)]));
  });

  it.each([
    ['with another value', Buffer.concat([raw.returnPath(), ping(1)])],
    ['with the value, without a return path', ping(PING_WANTS_REASON)],
  ])('a machine type that does not fit, PING %s: not a byte', async (_what, bytes) => {
    const { incoming, refusals } = await listen({ machineType: 'other' });
    const { heard, closed } = await byHand(incoming.address, Buffer.concat([raw.header(), bytes]));
    await inTime(closed, 'main');
    expect(heard()).toHaveLength(0);
    expect(refusals()).toEqual([expect.stringMatching(/machine type: expected other, got none/)]);
  });

  it('another uuid on a channel: main hears nothing of it, and its own channel is taken', async () => {
    const { incoming, refusals } = await listen({});
    const { source, main, heard } = await byHand(incoming.address, raw.header(), raw.returnPath(), ping(1));
    await source.open(raw.init(0, uuid));
    await until(() => refusals().length === 1, 'a refusal');
    await source.open(raw.init(0), raw.sync(), raw.sync());
    main.write(Buffer.concat([raw.start(BLOCKS), raw.part('end'), raw.end()]));
    expectValue(await outcomeOf(incoming.result, 'receive'));
    await until(() => heard().length === 16, 'SHUT(0)');
    expect(heard()).toEqual(Buffer.concat([encodePong(1), encodeShut(0)]));
  });
});

describe('a source that asks for a reason', () => {
  it('hears it before its main stream is closed', async () => {
    const { incoming, refusals } = await listen({ machineType: 'other' });
    const { heard, closed } = await byHand(
      incoming.address,
      Buffer.concat([raw.header(), RETURN_PATH_REQUEST]),
    );
    await inTime(closed, 'main');
    expect(heard().subarray(0, 2)).toEqual(REASON);
    expect(heard().toString()).toMatch(/machine type: expected other, got none/);
    expect(heard().subarray(-8)).toEqual(Buffer.from(encodeShut(1)));
    expect(refusals()).toHaveLength(1);
  });

  it("hears once of a stranger's channel from its host, whichever is read first, and completes", async () => {
    const { incoming, refusals } = await listen({});
    const source = rawSource(incoming.address);
    const { main, heard } = await byHand(incoming.address, raw.header());
    await source.open(raw.init(0, uuid));
    await until(() => refusals().length === 1, 'a refusal');
    main.write(RETURN_PATH_REQUEST);
    await until(() => heard().length > 4, 'it is told');
    expect(heard().subarray(0, 2)).toEqual(REASON);
    expect(heard().toString()).toMatch(/init packet uuid.*expected another, got 07070707/);
    const told = heard().length;
    await source.open(raw.init(0, uuid));
    await until(() => refusals().length === 2, 'a refusal');
    await source.open(raw.init(0), raw.sync(), raw.sync());
    main.write(Buffer.concat([raw.start(BLOCKS), raw.part('end'), raw.end()]));
    expectValue(await outcomeOf(incoming.result, 'receive'));
    await until(() => heard().length === told + 24, 'SHUT(0)');
    expect(heard().subarray(told)).toEqual(
      Buffer.concat([PONG_IS_MULTIFD, PING_WANTS_REASON].map(encodePong).concat(encodeShut(0))),
    );
  });

  it('and does not close holds nobody up', async () => {
    const { incoming, refusals } = await listen({ machineType: 'pc' });
    const strangers = rawSource(incoming.address);
    for (let count = 0; count < 60; count++) {
      const stranger = await strangers.open(
        raw.header('other'),
        RETURN_PATH_REQUEST,
        new Uint8Array(200_000),
      );
      stranger.allowHalfOpen = true;
      stranger.pause();
    }
    const { sent } = await tryToMove({
      guest: { ...newGuest(), machineType: 'pc' },
      parameters: { multifdChannels: 1 },
      listening: goTo(incoming.address),
    });
    expectValue(sent);
    expectValue(await outcomeOf(incoming.result, 'receive'));
    expect(refusals().length).toBe(60);
  });
});
