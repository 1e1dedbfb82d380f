import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { IncomingConnection } from '../../src/transport/incoming.js';

/** Both ends of one TCP connection: a peer that writes, and the connection under test that reads. */
export async function incomingPair(
  adopt: boolean,
): Promise<{ peer: Socket; connection: IncomingConnection; close: () => void }> {
  const server = createServer({ pauseOnConnect: true });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const bound = server.address();
  const port = bound !== null && typeof bound === 'object' ? bound.port : 0;
  const accepted = new Promise<Socket>((resolve) => server.once('connection', resolve));
  const peer = connect({ port, host: '127.0.0.1', noDelay: true });
  peer.on('error', () => {});
  const [socket] = await Promise.all([accepted, once(peer, 'connect')]);
  const connection = new IncomingConnection(socket, 'channel 7', { adopt });
  return {
    peer,
    connection,
    close: () => {
      peer.destroy();
      connection.destroy();
      server.close();
    },
  };
}
