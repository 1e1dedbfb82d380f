import { connect, type TLSSocket } from 'node:tls';
import type { Incoming, SourceEvent } from '@multifd/core';
import { expect, it, onTestFinished } from 'vitest';
import { channelsTls } from '../support/host.js';
import { expectFailure } from '../support/outcome.js';
import { move, type PairOptions, tryToMove } from '../support/pair.js';
import { createGuestRam, FILLS, MIB } from '../support/ram.js';
import { RecordsPeer } from '../support/records-peer.js';
import { isAlert, isKeyUpdate } from '../support/tls-records.js';

/** Whole migrations through somebody who opens every record of the source, with the one key and number that it must have. */

const GUEST = {
  seed: 5,
  fill: FILLS['none zero'] ?? (() => {}),
  blocks: [{ name: 'pc.ram', length: 16 * MIB }],
};

interface Between {
  readonly peer: RecordsPeer;
  readonly options: Pick<PairOptions, 'guest' | 'source' | 'destination' | 'listening'>;
}

/** Ends TLS between both ends, and passes on what it carries. */
async function between(): Promise<Between> {
  let there = 0;
  const peer = await RecordsPeer.listen((plain: TLSSocket) => {
    const { credentials } = peer.client;
    if (credentials.kind !== 'x509') throw new Error('not certificates');
    const { ca, own } = credentials;
    const onwards = connect({ host: '127.0.0.1', port: there, ca, ...own, rejectUnauthorized: false });
    onwards.on('error', () => plain.destroy());
    onwards.on('close', () => plain.destroy());
    onTestFinished(() => void onwards.destroy());
    plain.pipe(onwards).pipe(plain);
  });
  const listening = async ({ address }: Incoming): Promise<string> => {
    there = Number(/:(\d+)$/.exec(address)?.[1]);
    return peer.address;
  };
  return {
    peer,
    options: {
      guest: { ram: createGuestRam(GUEST) },
      source: { tls: peer.client },
      destination: { tls: peer.server },
      listening,
    },
  };
}

/** Calls `deed` among the guest's pages. */
const among =
  (deed: () => void) =>
  (event: SourceEvent): void => {
    if (event.type === 'progress' && event.statistics.normal > 512) deed();
  };

/** Opens all that the source has sent, on main and on each channel. @returns bytes of content on the channels. */
async function expectAllOpen(peer: RecordsPeer): Promise<number> {
  let bytes = 0;
  for (const index of peer.connections.keys()) {
    await peer.closed(index);
    const records = peer.sent(index);
    const byHost = index > 0 && channelsTls !== 'node:tls';
    for (const { generation } of records.slice(1)) expect(generation).toBe(byHost ? 1 : 0);
    const [first] = records;
    if (first !== undefined) expect([first.generation, isKeyUpdate(first)]).toEqual([0, byHost]);
    if (index > 0) for (const { type, content } of records) bytes += type === 23 ? content.length : 0;
  }
  return bytes;
}

it.each([1, 3])(
  'a guest over %i channels: all records open, and each connection ends with a word',
  async (channels) => {
    const { peer, options } = await between();
    const { sent } = await move({ ...options, parameters: { multifdChannels: channels } });
    expect(sent.tls).toMatchObject({ channels: channelsTls });
    expect(await expectAllOpen(peer)).toBeGreaterThan(16 * MIB);
    expect(peer.connections).toHaveLength(channels + 1);
    for (const index of peer.connections.keys()) expect(peer.sent(index).at(-1)).toSatisfy(isAlert);
  },
);

it('a source that is cancelled among its pages', async () => {
  const { peer, options } = await between();
  const cancel = new AbortController();
  const { sent } = await tryToMove({
    ...options,
    parameters: { maxBandwidth: 8 * MIB },
    source: {
      ...options.source,
      signal: cancel.signal,
      onEvent: among(() => cancel.abort()),
    },
  });
  expectFailure(sent, 'cancelled');
  expect(await expectAllOpen(peer)).toBeGreaterThan(MIB);
});

it('a destination that is closed among its pages', async () => {
  const { peer, options } = await between();
  let there: Incoming | undefined;
  const { sent } = await tryToMove({
    ...options,
    parameters: { maxBandwidth: 8 * MIB },
    source: { ...options.source, onEvent: among(() => there?.close()) },
    listening: (incoming) => {
      there = incoming;
      return options.listening?.(incoming) ?? Promise.resolve(undefined);
    },
  });
  expectFailure(sent, ['peer-closed', 'tls']);
  expect(await expectAllOpen(peer)).toBeGreaterThan(MIB);
});

it('a destination that takes no more bytes', async () => {
  const { peer, options } = await between();
  const { sent } = await tryToMove({
    ...options,
    // More than all buffers on the way take: what they hold counts as sent.
    guest: { ram: createGuestRam({ ...GUEST, blocks: [{ name: 'pc.ram', length: 64 * MIB }] }) },
    parameters: { stallTimeout: 1000, maxBandwidth: 64 * MIB },
    source: {
      ...options.source,
      onEvent: among(() => {
        for (const { from } of peer.connections) from.pause();
      }),
    },
    sent: () => {
      for (const { from } of peer.connections) from.resume();
    },
  });
  expectFailure(sent, ['timeout', 'peer-closed']);
  await expectAllOpen(peer);
});
