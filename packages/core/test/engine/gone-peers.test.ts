import type { Socket } from 'node:net';
import { testSeed } from '@multifd/testing/random';
import { expect, it } from 'vitest';
import { COMMAND, encodeCommand, encodePong, pingOfChannels } from '../../src/public/wire.js';
import { u32 } from '../../src/wire/bytes.js';
import { RETURN_PATH_REQUEST } from '../../src/wire/reason.js';
import { PING_WANTS_REASON, PONG_IS_MULTIFD } from '../../src/wire/return-path.js';
import { destination, rawSource, relayTo, serve, until } from '../support/ends.js';
import { FaultyLine } from '../support/faulty-line.js';
import { expectFailure, outcomeOf } from '../support/outcome.js';
import { goTo, tryToMove } from '../support/pair.js';
import { createGuestRam, MIB } from '../support/ram.js';
import { raw } from '../support/raw-source.js';

const parameters = { multifdChannels: 1, setupTimeout: 20_000, stallTimeout: 20_000 };
const BLOCKS = [{ name: 'pc.ram', length: 8 * MIB }];
/** Its first round takes two seconds. */
const slowly = { ...parameters, maxBandwidth: 4 * MIB };
const guest = (length = 8 * MIB) => ({
  ram: createGuestRam({
    seed: testSeed(),
    blocks: [{ name: 'pc.ram', length }],
    fill: (page) => page.fill(7),
  }),
});
const GONE = /has it ended, or did the network between break the connection\? A multifd that refuses/;
const OF_QEMU = /QEMU|machine type/;

/**
 * A source, relays, a destination, all multifd. In the first round one of them is gone with all its connections.
 * @param gone 0: the first behind the source.
 */
async function chain(relays: number, gone: number) {
  const lines: FaultyLine[] = [];
  const relayed: Promise<Awaited<ReturnType<typeof outcomeOf>>>[] = [];
  const { sent } = await tryToMove({
    guest: guest(),
    parameters: slowly,
    listening: async ({ address }) => {
      let to = address;
      for (let hop = relays; hop >= 0; hop--) {
        const line = await FaultyLine.open(to);
        lines.unshift(line);
        to = line.address;
        if (hop === 0) continue;
        const between = await relayTo(to, parameters);
        relayed.unshift(outcomeOf(between.result, `relay ${hop}`));
        to = between.address;
      }
      return to;
    },
    source: {
      onEvent: ({ type }) => {
        if (type === 'progress') lines[gone]?.close();
      },
    },
  });
  return { source: expectFailure(sent, 'peer-closed'), relays: await Promise.all(relayed) };
}

it.each([0, 1, 2])(
  'a source whose destination, or relay before %i more, is gone: it was no QEMU',
  async (relays) => {
    const { source } = await chain(relays, 0);
    expect(source.hint).toMatch(GONE);
    expect(`${source.message} ${source.hint}`).not.toMatch(OF_QEMU);
  },
);

it.each([
  [1, 1],
  [2, 1],
  [2, 2],
])('%i relays, and what is behind relay %i is gone: it says so to all before it', async (relays, gone) => {
  const { source, relays: ended } = await chain(relays, gone);
  expect(source.message).toMatch(/^the destination says: outgoing /);
  expect(source.message).toMatch(GONE);
  expect(source.message).not.toMatch(OF_QEMU);
  const last = expectFailure(ended[gone - 1] ?? { ok: true, value: undefined, ms: 0 }, 'peer-closed');
  expect(last.hint).toMatch(GONE);
  expect(last.hint).not.toMatch(OF_QEMU);
});

/** A QEMU that has read the configuration, and answered, is gone. */
async function answering(pongs: readonly number[], act: (main: Socket) => void): Promise<string> {
  let hasMain = false;
  return serve((socket) => {
    if (!hasMain)
      socket.once('data', () => {
        socket.write(Buffer.concat(pongs.map(encodePong)), () => act(socket));
      });
    hasMain = true;
    socket.resume();
  });
}

it('a destination that has answered has not refused the machine type: a QEMU would have done so before', async () => {
  const address = await answering([PING_WANTS_REASON, pingOfChannels(1)], (main) =>
    setTimeout(() => main.destroy(), 500),
  );
  const { sent } = await tryToMove({ guest: guest(), parameters: slowly, listening: goTo(address) });
  const { hint } = expectFailure(sent, 'peer-closed');
  expect(hint).toMatch(/^has it ended, or does it refuse this guest\? See its stderr, or error-desc/);
  expect(hint).not.toMatch(/machine type none/);
});

it('a destination that says that it is a multifd, and is gone before it can take RAM', async () => {
  const address = await answering([PONG_IS_MULTIFD], (main) => main.end());
  const { sent } = await tryToMove({ guest: guest(), parameters, listening: goTo(address) });
  expect(expectFailure(sent, 'peer-closed').hint).toMatch(GONE);
});

it('who was not asked why is not known as a multifd, whatever it answers', async () => {
  const address = await answering([PONG_IS_MULTIFD, 1], (main) => main.end());
  const { sent } = await tryToMove({
    guest: guest(),
    parameters: { ...parameters, wire: 'qemu' },
    listening: goTo(address),
  });
  expect(expectFailure(sent, 'peer-closed').hint).toMatch(/given here too, without wire qemu/);
});

it.each(['destination', 'relay'])(
  'a %s says what it is before all else, and only to who asks for its reason',
  async (kind) => {
    const open = async () => {
      const { incoming } = await destination({ parameters });
      if (kind === 'destination') return incoming.address;
      return (await relayTo(incoming.address, parameters)).address;
    };
    const heardBy = async (request: Uint8Array, size: number): Promise<Buffer> => {
      const source = rawSource(await open());
      const main = await source.open(raw.header(), request, raw.start(BLOCKS));
      const heard: Buffer[] = [];
      main.on('data', (chunk: Buffer) => heard.push(chunk));
      // Until its channel has come main may be a stranger.
      await source.open(raw.init(0), raw.sync());
      await until(() => Buffer.concat(heard).length >= size, 'an answer');
      source.close();
      return Buffer.concat(heard).subarray(0, size);
    };
    const own = encodePong(PONG_IS_MULTIFD);
    expect(await heardBy(RETURN_PATH_REQUEST, own.length)).toEqual(Buffer.from(own));
    const qemu = Buffer.concat([raw.returnPath(), encodeCommand(COMMAND.PING, u32(1))]);
    expect(await heardBy(qemu, own.length)).toEqual(Buffer.from(encodePong(1)));
  },
);
