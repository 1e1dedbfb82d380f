import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { expect, it, onTestFinished } from 'vitest';
import { ClientSide } from '../../../src/transport/tls/client-side.js';
import { inTime } from '../../support/outcome.js';

interface Ends {
  readonly socket: Socket;
  readonly side: ClientSide;
  readonly peer: Socket;
  /** What has come to the peer. */
  readonly got: () => string;
}

async function ends(): Promise<Ends> {
  const server = createServer({ allowHalfOpen: true });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const accepted = once(server, 'connection');
  const address = server.address();
  const socket = connect(address !== null && typeof address === 'object' ? address.port : 0, '127.0.0.1');
  await once(socket, 'connect');
  const [peer]: Socket[] = await accepted;
  if (peer === undefined) throw new Error('no socket');
  server.close();
  let got = '';
  peer.on('data', (bytes: Buffer) => {
    got += bytes.toString();
  });
  peer.on('error', () => {});
  onTestFinished(() => {
    socket.destroy();
    peer.destroy();
  });
  return { socket, side: new ClientSide(socket), peer, got: () => got };
}

const written = (side: ClientSide, text: string): Promise<void> =>
  new Promise((resolve, reject) =>
    side.write(text, (error) => (error === undefined || error === null ? resolve() : reject(error))),
  );

it('once it was left, nothing that is written to it reaches the socket, and its end does not end the socket', async () => {
  const { socket, side, peer, got } = await ends();
  await written(side, 'handshake');
  let all = '';
  const left = side.leave((sent) => {
    all = sent.toString();
    return true;
  });
  expect([left?.socket, typeof left?.fd, all]).toEqual([socket, 'number', 'handshake']);
  await written(side, ', an alert');
  await new Promise<void>((resolve) => side.end(', another', () => resolve()));
  side.destroy();
  await once(side, 'close');
  expect(socket.destroyed).toBe(false);
  socket.write(', records');
  socket.end();
  await inTime(once(peer, 'end'), 'the end');
  expect(got()).toBe('handshake, records');
});

it('once it was left, it reads nothing: what comes is for whoever has the socket', async () => {
  const { socket, side, peer } = await ends();
  side.on('data', () => expect.unreachable());
  side.leave(() => true);
  peer.write('a ticket');
  const [bytes]: Buffer[] = await inTime(once(socket, 'data'), 'its bytes');
  expect(bytes?.toString()).toBe('a ticket');
});

it('what does not fit changes nothing: it writes and reads on', async () => {
  const { socket, side, peer, got } = await ends();
  await written(side, 'handshake');
  expect(side.leave(() => false)).toBeUndefined();
  await written(side, ', data');
  const read = once(side, 'data');
  peer.write('an answer');
  const [bytes]: Buffer[] = await inTime(read, 'the answer');
  expect(bytes?.toString()).toBe('an answer');
  side.end();
  await inTime(once(peer, 'end'), 'the end');
  expect([got(), socket.destroyed]).toEqual(['handshake, data', false]);
  side.destroy();
  expect(socket.destroyed).toBe(true);
});

it('is not left while a write is on its way, behind an end, twice, or once nobody wants to', async () => {
  const fits = (): boolean => true;
  const slow = await ends();
  slow.peer.pause();
  const writing = written(slow.side, 'x'.repeat(32 * 2 ** 20));
  expect(slow.side.leave(fits)).toBeUndefined();
  slow.peer.resume();
  await inTime(writing, 'the write');
  const ended = await ends();
  ended.side.resume();
  ended.peer.end();
  await inTime(once(ended.side, 'end'), 'the end');
  expect(ended.side.leave(fits)).toBeUndefined();
  const twice = await ends();
  expect(twice.side.leave(fits)).toBeDefined();
  expect(twice.side.leave(fits)).toBeUndefined();
  const forgotten = await ends();
  forgotten.side.forget();
  expect(forgotten.side.leave(fits)).toBeUndefined();
  const broken = await ends();
  broken.socket.destroy();
  expect(broken.side.leave(fits)).toBeUndefined();
});
