import { type ReceiveOptions, receive } from '@multifd/core';
import { testSeed } from '@multifd/testing/random';
import { describe, expect, it } from 'vitest';
import { closeAfterTest, relayTo } from '../support/ends.js';
import { expectFailure, expectValue, outcomeOf } from '../support/outcome.js';
import { goTo, tryToMove } from '../support/pair.js';
import { createGuestRam, MIB } from '../support/ram.js';

const BLOCKS = [{ name: 'pc.ram', length: 2 * MIB }];
const SAYS = 'the destination says: ';
const seed = testSeed();
const newGuest = () => ({ ram: createGuestRam({ seed, blocks: BLOCKS }) });
const patient = { setupTimeout: 30_000, stallTimeout: 30_000 };
const uuid = new Uint8Array(16).fill(7);

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

describe("the destination's reason is the source's error", () => {
  it.each(refusals)('$what, and the right source is taken after it', async (refusal) => {
    const parameters = { ...patient, multifdChannels: 2 };
    const end = closeAfterTest(await receive({ listen: 'tcp:127.0.0.1:0', parameters, ...refusal.options }));
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
    const end = closeAfterTest(await receive({ listen: 'tcp:127.0.0.1:0', parameters, ...destination }));
    const between = await relayTo(end.address, parameters);
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
    const end = closeAfterTest(
      await receive({
        listen: 'tcp:127.0.0.1:0',
        parameters: { ...patient, multifdChannels: channels },
      }),
    );
    const between = await relayTo(end.address, parameters);
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
