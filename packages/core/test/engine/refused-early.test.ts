import type { Socket } from 'node:net';
import { testSeed } from '@multifd/testing/random';
import { describe, expect, it } from 'vitest';
import { encodeShut } from '../../src/wire/return-path.js';
import { rawSource, relayTo, serve } from '../support/ends.js';
import { FaultyLine } from '../support/faulty-line.js';
import { expectFailure, inTime, outcomeOf } from '../support/outcome.js';
import { goTo, tryToMove } from '../support/pair.js';
import { createGuestRam, MIB } from '../support/ram.js';
import { raw } from '../support/raw-source.js';

const parameters = { multifdChannels: 1, setupTimeout: 20_000, stallTimeout: 20_000 };
const guest = () => ({
  ram: createGuestRam({ seed: testSeed(), blocks: [{ name: 'pc.ram', length: 4 * MIB }] }),
});

/**
 * A destination of the test's own.
 * @param act called with main, which has said something, and how to stop listening.
 * @param actOnChannel called with each other connection at once.
 */
async function destinationThat(
  act: (main: Socket, stop: () => void) => void,
  actOnChannel: (channel: Socket) => void = () => {},
): Promise<string> {
  let hasMain = false;
  return serve((socket, server) => {
    if (hasMain) actOnChannel(socket);
    else socket.once('data', () => act(socket, () => server.close()));
    hasMain = true;
    socket.resume();
  });
}

const NONE = (): void => {};

const REFUSALS: {
  what: string;
  act: (main: Socket, stop: () => void) => void;
  onChannel?: (channel: Socket) => void;
}[] = [
  { what: 'closes main, as a QEMU of another machine does', act: (main) => main.destroy() },
  { what: 'resets main, as a QEMU that has died does', act: (main) => main.resetAndDestroy() },
  { what: 'answers SHUT(1)', act: (main) => main.end(encodeShut(1)) },
  { what: 'listens no more, as a QEMU without multifd does', act: (_main, stop) => stop() },
  {
    what: 'resets a channel and keeps main, as a QEMU with another number of them does',
    act: NONE,
    onChannel: (channel) => channel.resetAndDestroy(),
  },
];

describe.each(REFUSALS)('a destination that $what before the first round is over', ({ act, onChannel }) => {
  const HINT =
    /has it ended, .* See its stderr, or error-desc of its query-migrate: multifd, .*machine type, RAM size, .*uuid and tls-creds must fit/;

  it('a source says what may be wrong there', async () => {
    const address = await destinationThat(act, onChannel);
    const { sent } = await tryToMove({ guest: guest(), parameters, listening: goTo(address) });
    expect(expectFailure(sent, 'peer-closed').hint).toMatch(HINT);
  });

  it('a source that announced no machine type says that first', async () => {
    const address = await destinationThat(act, onChannel);
    const { sent } = await tryToMove({ guest: { ram: guest().ram }, parameters, listening: goTo(address) });
    expect(expectFailure(sent, 'peer-closed').hint).toMatch(
      /^a QEMU refuses machine type none: give machineType/,
    );
    const other = await destinationThat(act, onChannel);
    const named = await tryToMove({
      guest: { ...guest(), machineType: 'pc' },
      parameters,
      listening: goTo(other),
    });
    expect(expectFailure(named.sent, 'peer-closed').hint).not.toMatch(/machine type none/);
  });

  it('a relay says the same, and its source hears it', async () => {
    const between = await relayTo(await destinationThat(act, onChannel), parameters);
    const relayed = outcomeOf(between.result, 'relay');
    const { sent } = await tryToMove({ guest: guest(), parameters, listening: goTo(between.address) });
    const error = expectFailure(await relayed, 'peer-closed');
    expect(error.hint).toMatch(HINT);
    expect(error.guest).toBe('source');
    expect(expectFailure(sent, 'peer-closed').message).toMatch(HINT);
  });
});

it('a relay does not say that of its source when that is gone', async () => {
  const connected = Promise.withResolvers<void>();
  const between = await relayTo(await destinationThat(() => connected.resolve()), parameters);
  const relayed = outcomeOf(between.result, 'relay');
  const source = rawSource(between.address);
  await source.open(raw.header(), raw.returnPath(), raw.start([{ name: 'pc.ram', length: MIB }]));
  await source.open(raw.init(0), raw.sync());
  await inTime(connected.promise, 'the outgoing main');
  source.close();
  expect(expectFailure(await relayed, 'peer-closed').hint).not.toMatch(/see its stderr/i);
});

it('a connection that breaks is no refusal, where the destination has said that it is a multifd', async () => {
  let line: FaultyLine | undefined;
  const { sent } = await tryToMove({
    guest: {
      ram: createGuestRam({
        seed: testSeed(),
        blocks: [{ name: 'pc.ram', length: 8 * MIB }],
        fill: (page) => page.fill(7),
      }),
    },
    parameters: { ...parameters, maxBandwidth: 4 * MIB },
    listening: async ({ address }) => {
      line = await FaultyLine.open(address);
      return line.address;
    },
    source: {
      onEvent: ({ type }) => {
        if (type === 'progress') line?.close();
      },
    },
  });
  const { hint } = expectFailure(sent, 'peer-closed');
  expect(hint).toMatch(/network between/);
  expect(hint).not.toMatch(/machine type/);
});
