import type { Socket } from 'node:net';
import { encodeInitPacket, type InitPacket } from '../wire/init-packet.js';
import { INIT_PACKET_SIZE } from '../wire/layout.js';
import { connectChannel, type Route } from './connect.js';
import { Outgoing, type OutgoingOptions } from './outgoing.js';
import { limitQueues, type QueueUsers } from './queue-limits.js';
import { socketFd } from './socket-bytes.js';
import { type BlockingSocket, loadSocketIo, type SocketIoLink } from './socket-io.js';

/**
 * Connects an outgoing channel and sends its initial packet at once (docs/wire.md, 1).
 * @param users the migration's parameters.
 * @param setupTimeout ms.
 * @param io sends block this thread where the socket has a descriptor and no TLS; undefined: Node's streams.
 * @param onFailure called once if the connection fails, whatever its thread is doing.
 * @throws MultifdError if it cannot connect; then nothing stays open.
 */
export async function openOutgoingChannel(
  route: Route,
  introduction: InitPacket,
  users: QueueUsers,
  setupTimeout: number,
  options: Omit<OutgoingOptions, 'blocking'>,
  io: SocketIoLink | undefined,
  onFailure: NonNullable<Outgoing['onFailure']>,
): Promise<Outgoing> {
  const { socket } = await connectChannel(route, options.where, setupTimeout, options.signal);
  // Nothing comes back on a channel; reading lets us notice that the destination closed while we wait.
  socket.resume();
  // These calls know nothing of TLS: they would write to the bare descriptor. Nor may anything else send with Node's key
  // (see `TlsSession.sending`).
  const blocking = route.tls === undefined ? await blockingSocket(socket, io, users) : undefined;
  const outgoing = new Outgoing(socket, { ...options, blocking });
  outgoing.onFailure = onFailure;
  try {
    await outgoing.send([encodeInitPacket(introduction)], INIT_PACKET_SIZE);
    if (route.tls !== undefined) options.counters.isSecuredBy('node');
  } catch (error) {
    outgoing.destroy();
    throw error;
  }
  return outgoing;
}

async function blockingSocket(
  socket: Socket,
  link: SocketIoLink | undefined,
  users: QueueUsers,
): Promise<BlockingSocket | undefined> {
  const fd = socketFd(socket);
  if (link === undefined || fd === undefined) return undefined;
  const blocking = (await loadSocketIo(link.module)).open(fd, link.interrupt);
  limitQueues(blocking, socket, users);
  return blocking;
}
