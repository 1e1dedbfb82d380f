import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { expect, it, onTestFinished } from 'vitest';
import { parseAddress } from '../../../src/transport/address.js';
import { type Connected, openConnection } from '../../../src/transport/connect.js';
import { splitRecords } from '../../../src/transport/tls/record-opener.js';
import { expectFailure, inTime, outcomeOf } from '../../support/outcome.js';
import { RecordsPeer } from '../../support/records-peer.js';
import { usualTls } from '../../support/tls.js';

/** Records of the server's flight in TLS 1.3: hello, for middleboxes, and four or five that are protected. */
const FLIGHT = 7;

/** A connection to `peer` by `address`. */
const connected = (peer: RecordsPeer, maySend: boolean, address = peer.address): Promise<Connected> =>
  openConnection(
    { address: parseAddress(address), tls: peer.client },
    'channel 0',
    5000,
    new AbortController().signal,
    maySend,
  );

/** A line to `address` on which `more` comes in one piece with the server's flight. */
async function adding(address: string, more: Buffer): Promise<string> {
  const [, there = ''] = /:(\d+)$/.exec(address) ?? [];
  const server = createServer((from) => {
    const to = connect(Number(there), '127.0.0.1');
    for (const socket of [from, to]) {
      socket.on('error', () => {});
      onTestFinished(() => void socket.destroy());
    }
    from.pipe(to);
    let flight = Buffer.alloc(0);
    to.on('data', (bytes: Buffer) => {
      flight = Buffer.concat([flight, bytes]);
      if (splitRecords(flight).records.length === FLIGHT) from.write(Buffer.concat([flight, more]));
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => void server.close());
  const own = server.address();
  return `tcp:127.0.0.1:${own !== null && typeof own === 'object' ? own.port : 0}`;
}

it.each([
  ['no record', Buffer.alloc(100, 0xee), /bad record type/],
  [
    'a record that does not open',
    Buffer.concat([Buffer.from('1703030040', 'hex'), Buffer.alloc(64, 9)]),
    /bad record mac/,
  ],
  ['an alert in the clear', Buffer.from('15030300020228', 'hex'), /bad record type/],
])(
  'in one piece with the handshake comes %s: an error, and not the end of the thread',
  async (_what, more, says) => {
    const peer = await RecordsPeer.listen((plain) => plain.resume());
    const outcome = await outcomeOf(connected(peer, true, await adding(peer.address, more)), 'connecting');
    expectFailure(outcome, 'peer-closed', says);
    expectFailure(outcome, 'peer-closed', /^channel 0: the connection broke: /);
  },
);

it.each(['TLSv1.2', 'TLSv1.3'] as const)(
  '%s that stays with Node, though somebody else might have encrypted: the end of the destination is noticed',
  async (maxVersion) => {
    const { promise, resolve } = Promise.withResolvers<TLSSocket>();
    const peer = await RecordsPeer.listen(resolve, { maxVersion });
    const { socket, handover } = await connected(peer, true);
    onTestFinished(() => void socket.destroy());
    expect(handover?.take([])).toBeUndefined();
    const closed = once(socket.resume(), 'close');
    (await promise).resume().end();
    await inTime(closed, 'the end', 2000);
  },
);

it('a destination that never answers: the time that was left is said in whole ms', async () => {
  const silent = createServer(() => {});
  silent.listen(0, '127.0.0.1');
  await once(silent, 'listening');
  onTestFinished(() => void silent.close());
  const own = silent.address();
  const { client } = await usualTls();
  const opening = openConnection(
    {
      address: parseAddress(`tcp:127.0.0.1:${own !== null && typeof own === 'object' ? own.port : 0}`),
      tls: client,
    },
    'channel 0',
    200,
    new AbortController().signal,
  );
  expectFailure(await outcomeOf(opening, 'connecting'), 'timeout', /destination within \d+ ms$/);
});
