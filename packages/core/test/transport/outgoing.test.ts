import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import { afterEach, expect, it } from 'vitest';
import { Counters } from '../../src/thread/counters.js';
import { BandwidthLimit } from '../../src/transport/bandwidth.js';
import { Outgoing } from '../../src/transport/outgoing.js';

const toClose: { close(): unknown }[] = [];
afterEach(() => {
  for (const each of toClose.splice(0)) each.close();
});

/** A connection whose thread sends by descriptor. */
async function blockingOutgoing() {
  const server = createServer((peer) => {
    peer.on('error', () => {}).resume();
    toClose.push({ close: () => peer.destroy() });
  });
  toClose.push(server);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  const socket = connect(address !== null && typeof address === 'object' ? address.port : 0, '127.0.0.1');
  await once(socket, 'connect');
  const sent: number[] = [];
  const outgoing = new Outgoing(socket, {
    where: 'channel 0',
    stallTimeout: 5000,
    counters: Counters.allocate(2).row(1),
    limit: BandwidthLimit.allocate(0),
    signal: new AbortController().signal,
    blocking: {
      send: (vectors) => void sent.push(vectors.reduce((bytes, vector) => bytes + vector.length, 0)),
      receive: () => 0,
      close() {},
    },
  });
  return { socket, outgoing, sent };
}

it('sends nothing by a descriptor that Node has closed and not told of yet', async () => {
  const { socket, outgoing, sent } = await blockingOutgoing();
  await outgoing.send([Buffer.from('pages')], 5);
  expect(sent).toEqual([5]);
  const closed = once(socket, 'close');
  socket.destroy();
  // From here on the number may be another file's: its event is still to come.
  await expect(outgoing.send([Buffer.from('pages')], 5)).rejects.toThrow(
    'channel 0: the destination closed the connection',
  );
  expect(sent).toEqual([5]);
  await closed;
});
