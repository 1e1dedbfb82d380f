import { once } from 'node:events';
import {
  type Incoming,
  type MigrationParameters,
  type ReceiveOptions,
  type Relaying,
  receive,
  relay,
} from '@multifd/core';
import { testSeed } from '@multifd/testing/random';
import { afterEach, describe, expect, it } from 'vitest';
import { COMMAND, encodeCommand, encodePong, encodeShut } from '../../src/public/wire.js';
import { u32 } from '../../src/wire/bytes.js';
import { RETURN_PATH_REQUEST } from '../../src/wire/reason.js';
import { PING_WANTS_REASON } from '../../src/wire/return-path.js';
import { expectFailure, expectValue, inTime, outcomeOf } from '../support/outcome.js';
import { goTo, tryToMove } from '../support/pair.js';
import { createGuestRam, MIB } from '../support/ram.js';
import { RawSource, raw } from '../support/raw-source.js';

const BLOCKS = [{ name: 'pc.ram', length: 2 * MIB }];
const SAYS = 'the destination says: ';
const REASON = Buffer.of(0x4d, 0x47);
const seed = testSeed();
const newGuest = () => ({ ram: createGuestRam({ seed, blocks: BLOCKS }) });
const patient = { setupTimeout: 30_000, stallTimeout: 30_000 };
const uuid = new Uint8Array(16).fill(7);

const toClose: { close(): void }[] = [];
afterEach(() => {
  for (const each of toClose.splice(0)) each.close();
});

async function until(what: string, isSo: () => boolean): Promise<void> {
  for (const end = Date.now() + 45_000; !isSo(); ) {
    if (Date.now() > end) throw new Error(`${what}: not within 45 s`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

type Case = readonly [string, Partial<ReceiveOptions>, 'incompatible' | 'peer-closed', RegExp];

/** The destination, the source that does not fit, and the one that does. */
const refusals = [
  {
    what: 'another machine type',
    options: { machineType: 'pc-q35-9.2' },
    wrong: newGuest,
    right: () => ({ ...newGuest(), machineType: 'pc-q35-9.2' }),
    message: /machine type: expected pc-q35-9.2, got none/,
  },
  {
    what: 'another page size',
    options: {},
    wrong: () => ({ ram: createGuestRam({ seed, blocks: BLOCKS, pageSize: 65536 }) }),
    right: newGuest,
    message: /page bits.*expected 12 .*got 16/,
  },
  {
    what: 'another uuid',
    options: { uuid },
    wrong: newGuest,
    right: () => ({ ...newGuest(), uuid }),
    message: /init packet uuid .*expected another, got 0/,
  },
  {
    what: 'more channels',
    options: {},
    wrong: newGuest,
    channels: 3,
    right: newGuest,
    message: /the source has 3 channels, expected 2 /,
  },
  {
    what: 'fewer channels',
    options: {},
    wrong: newGuest,
    channels: 1,
    right: newGuest,
    message: /the source has 1 channel, expected 2 /,
  },
];

const failures: readonly Case[] = [
  ['too much RAM', { maxRam: MIB }, 'incompatible', /announces 2097152 bytes of RAM, at most 1048576/],
  [
    'no room',
    {
      openRam() {
        throw Object.assign(new Error('no space left on device'), { code: 'ENOSPC' });
      },
    },
    'peer-closed',
    /no space left on device/,
  ],
  [
    'a disk that is full at the end',
    {
      async commit() {
        throw new Error('fsync: no space left on device');
      },
    },
    'peer-closed',
    /fsync: no space left on device/,
  ],
];

/** A relay to `end`; both are closed when the test has ended. */
async function relayTo(end: Incoming, parameters: Partial<MigrationParameters>): Promise<Relaying> {
  toClose.push(end);
  const between = await relay({
    listen: 'tcp:127.0.0.1:0',
    to: end.address,
    incoming: parameters,
    outgoing: { ...parameters, zeroPageDetection: 'none' },
  });
  toClose.push(between);
  return between;
}

describe("the destination's reason is the source's error", () => {
  it.each(refusals)('$what, and the right source is taken after it', async (refusal) => {
    const parameters = { ...patient, multifdChannels: 2 };
    const end = await receive({ listen: 'tcp:127.0.0.1:0', parameters, ...refusal.options });
    toClose.push(end);
    const listening = goTo(end.address);
    for (let round = 0; round < 3; round++) {
      const wrong = { ...parameters, multifdChannels: refusal.channels ?? 2 };
      const { sent } = await tryToMove({ guest: refusal.wrong(), parameters: wrong, listening });
      const error = expectFailure(sent, 'incompatible', refusal.message);
      expect(error.message.startsWith(SAYS), error.message).toBe(true);
      expect(error).toMatchObject({ guest: 'source', hint: 'the guest is intact here' });
    }
    expectValue((await tryToMove({ guest: refusal.right(), parameters, listening })).sent);
    expectValue(await outcomeOf(end.result, 'receive'));
  });

  it.each(failures)('%s', async (_what, destination, code, message) => {
    const { sent, received } = await tryToMove({
      guest: newGuest(),
      source: { parameters: patient },
      parameters: { multifdChannels: 2 },
      destination,
    });
    const error = expectFailure(sent, code, message);
    expect(error.message.startsWith(SAYS), error.message).toBe(true);
    expect(error.guest).toBe('source');
    expect(error.message).toContain(expectFailure(received, ['incompatible', 'guest']).message);
  });

  it.each(failures)('through a relay: %s', async (_what, destination, code, message) => {
    const parameters = { ...patient, multifdChannels: 2 };
    const end = await receive({ listen: 'tcp:127.0.0.1:0', parameters, ...destination });
    const between = await relayTo(end, parameters);
    const relayed = outcomeOf(between.result, 'relay');
    const { sent } = await tryToMove({
      guest: newGuest(),
      parameters,
      listening: goTo(between.address),
    });
    for (const error of [expectFailure(await relayed, code, message), expectFailure(sent, code, message)]) {
      expect(error.message.startsWith(SAYS), error.message).toBe(true);
      expect(error.message.slice(SAYS.length)).not.toContain(SAYS);
      expect(error.guest).toBe('source');
    }
  });

  it.each([1, 3])('through a relay to a destination with %i channels, which waits on', async (channels) => {
    const parameters = { ...patient, multifdChannels: 2 };
    const end = await receive({
      listen: 'tcp:127.0.0.1:0',
      parameters: { ...patient, multifdChannels: channels },
    });
    const between = await relayTo(end, parameters);
    const relayed = outcomeOf(between.result, 'relay');
    const { sent } = await tryToMove({
      guest: newGuest(),
      parameters,
      listening: goTo(between.address),
    });
    const message = new RegExp(`^${SAYS}the source has 2 channels, expected ${channels} `);
    for (const outcome of [await relayed, sent]) {
      expect(expectFailure(outcome, 'incompatible', message).guest).toBe('source');
    }
    const right = { ...patient, multifdChannels: channels };
    const second = { guest: newGuest(), parameters: right, listening: goTo(end.address) };
    expectValue((await tryToMove(second)).sent);
    expectValue(await outcomeOf(end.result, 'receive'));
  });

  it('a destination that is cancelled does not cancel its source', async () => {
    const waits = new AbortController();
    const { sent } = await tryToMove({
      guest: newGuest(),
      destination: { signal: waits.signal },
      source: {
        parameters: { maxBandwidth: 64 * 1024 },
        onEvent: (event) => void (event.type === 'progress' && waits.abort()),
      },
    });
    expectFailure(sent, 'peer-closed', /^the destination says: the migration was cancelled$/);
  });

  it('without a return path nobody is told, and nobody waits', async () => {
    const { sent } = await tryToMove({
      guest: newGuest(),
      parameters: { returnPath: false },
      destination: { maxRam: MIB },
    });
    expect(expectFailure(sent, 'peer-closed').message).not.toContain(SAYS);
  });
});

/** A source that says its first bytes by hand, and all that it hears on main. */
async function byHand(address: string, ...bytes: readonly Uint8Array[]) {
  const source = new RawSource(address);
  toClose.push(source);
  const main = await source.open(...bytes);
  const heard: Buffer[] = [];
  main.on('data', (chunk: Buffer) => heard.push(chunk));
  return { source, main, heard: () => Buffer.concat(heard), closed: once(main, 'close') };
}

async function listen(options: Partial<ReceiveOptions>) {
  const dropped: string[] = [];
  const incoming = await receive({
    listen: 'tcp:127.0.0.1:0',
    onEvent: (event) => void (event.type === 'refused' && dropped.push(event.reason)),
    ...options,
    parameters: { ...patient, multifdChannels: 1, ...options.parameters },
  });
  toClose.push(incoming);
  return { incoming, dropped };
}

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
    const { incoming, dropped } = await listen({ machineType: 'other' });
    const { heard, closed } = await byHand(incoming.address, Buffer.concat([raw.header(), bytes]));
    await inTime(closed, 'main');
    expect(heard()).toHaveLength(0);
    expect(dropped).toEqual([expect.stringMatching(/machine type: expected other, got none/)]);
  });

  it('another uuid on a channel: main hears nothing of it, and its own channel is taken', async () => {
    const { incoming, dropped } = await listen({});
    const { source, main, heard } = await byHand(incoming.address, raw.header(), raw.returnPath(), ping(1));
    await source.open(raw.init(0, uuid));
    await until('it is refused', () => dropped.length === 1);
    await source.open(raw.init(0), raw.sync(), raw.sync());
    main.write(Buffer.concat([raw.start(BLOCKS), raw.part('end'), raw.end()]));
    expectValue(await outcomeOf(incoming.result, 'receive'));
    await until('SHUT(0)', () => heard().length === 16);
    expect(heard()).toEqual(Buffer.concat([encodePong(1), encodeShut(0)]));
  });
});

describe('a source that asks for a reason', () => {
  it('hears it before its main stream is closed', async () => {
    const { incoming, dropped } = await listen({ machineType: 'other' });
    const { heard, closed } = await byHand(
      incoming.address,
      Buffer.concat([raw.header(), RETURN_PATH_REQUEST]),
    );
    await inTime(closed, 'main');
    expect(heard().subarray(0, 2)).toEqual(REASON);
    expect(heard().toString()).toMatch(/machine type: expected other, got none/);
    expect(heard().subarray(-8)).toEqual(Buffer.from(encodeShut(1)));
    expect(dropped).toHaveLength(1);
  });

  it("hears once of a stranger's channel from its host, whichever is read first, and completes", async () => {
    const { incoming, dropped } = await listen({});
    const source = new RawSource(incoming.address);
    toClose.push(source);
    const { main, heard } = await byHand(incoming.address, raw.header());
    await source.open(raw.init(0, uuid));
    await until('it is refused', () => dropped.length === 1);
    main.write(RETURN_PATH_REQUEST);
    await until('it is told', () => heard().length > 4);
    expect(heard().subarray(0, 2)).toEqual(REASON);
    expect(heard().toString()).toMatch(/init packet uuid.*expected another, got 07070707/);
    const told = heard().length;
    await source.open(raw.init(0, uuid));
    await until('it is refused', () => dropped.length === 2);
    await source.open(raw.init(0), raw.sync(), raw.sync());
    main.write(Buffer.concat([raw.start(BLOCKS), raw.part('end'), raw.end()]));
    expectValue(await outcomeOf(incoming.result, 'receive'));
    await until('SHUT(0)', () => heard().length === told + 16);
    expect(heard().subarray(told)).toEqual(Buffer.concat([encodePong(PING_WANTS_REASON), encodeShut(0)]));
  });

  it('and does not close holds nobody up', async () => {
    const { incoming, dropped } = await listen({ machineType: 'pc' });
    const strangers = new RawSource(incoming.address);
    toClose.push(strangers);
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
    expect(dropped.length).toBe(60);
  });
});
