import type { Socket } from 'node:net';
import type { ThreadJobs } from '../thread/port.js';
import { encodeInitPacket, type InitPacket } from '../wire/init-packet.js';
import { INIT_PACKET_SIZE } from '../wire/layout.js';
import { type Connected, connectChannel, type Route } from './connect.js';
import { Outgoing, type OutgoingOptions } from './outgoing.js';
import { limitQueues, type QueueUsers } from './queue-limits.js';
import { SharedSocket } from './shared-socket.js';
import { socketFd } from './socket-bytes.js';
import { loadSocketIo, type SocketIo, type SocketIoLink } from './socket-io.js';
import { SocketTurns } from './socket-turns.js';

type LoadedIo = SocketIoLink & { readonly calls: SocketIo };

export interface ChannelOptions extends Omit<OutgoingOptions, 'blocking' | 'secured'> {
  /** Of this thread. */
  readonly jobs: ThreadJobs;
}

/** A connection, and who sends on it. */
type Sending = Pick<OutgoingOptions, 'blocking' | 'secured'> & { readonly socket: Socket };

/**
 * Connects an outgoing channel and sends its initial packet at once (docs/wire.md, 1).
 * @param users the migration's parameters.
 * @param setupTimeout ms.
 * @param link sends block this thread where the socket has a descriptor and no other channel shares the thread, and encrypt if there is TLS and it knows the suite;
 *   undefined: Node's streams.
 * @param onFailure called once if the connection fails, whatever its thread is doing.
 * @throws MultifdError if it cannot connect; then nothing stays open.
 */
export async function openOutgoingChannel(
  route: Route,
  introduction: InitPacket,
  users: QueueUsers,
  setupTimeout: number,
  options: ChannelOptions,
  link: SocketIoLink | undefined,
  onFailure: NonNullable<Outgoing['onFailure']>,
): Promise<Outgoing> {
  const { where, signal, counters, jobs } = options;
  // Before it connects: from then on until `Outgoing` listens, nobody would hear that the connection breaks.
  const io = link && { ...link, calls: await loadSocketIo(link.module) };
  const maySend = io?.calls.openTls !== undefined && io.tlsSuites.length > 0;
  const connected = await connectChannel(route, where, setupTimeout, signal, maySend);
  const { socket, ...sends } =
    route.tls === undefined ? blockingSocket(connected, io, jobs) : securedSocket(connected, io);
  // Nothing comes back on a channel; reading lets us notice that the destination closed while we wait.
  socket.resume();
  const outgoing = new Outgoing(socket, { ...options, ...sends });
  outgoing.onFailure = onFailure;
  const calls = sends.secured ?? sends.blocking;
  try {
    if (calls !== undefined) limitQueues(calls, socket, users);
    await outgoing.send([encodeInitPacket(introduction)], INIT_PACKET_SIZE);
    if (route.tls !== undefined) counters.isSecuredBy(sends.secured === undefined ? 'node' : 'host');
  } catch (error) {
    outgoing.destroy();
    throw error;
  }
  return outgoing;
}

function blockingSocket({ socket }: Connected, io: LoadedIo | undefined, jobs: ThreadJobs): Sending {
  const fd = socketFd(socket);
  if (io === undefined || fd === undefined) return { socket };
  const { nonBlocking } = io.calls;
  if (jobs.areShared) {
    if (nonBlocking === undefined) return { socket };
    const turns = SocketTurns.of(jobs, nonBlocking, io.interrupt);
    const isOpen = (): boolean => !socket.destroyed;
    return { socket, blocking: new SharedSocket(nonBlocking.open(fd, io.interrupt), turns, isOpen) };
  }
  return { socket, blocking: io.calls.open(fd, io.interrupt) };
}

/** Lets `io` encrypt, if it knows the suite and Node's TLS has written its handshake only; else Node goes on. */
function securedSocket({ socket, handover }: Connected, io: LoadedIo | undefined): Sending {
  if (io?.calls.openTls === undefined) return { socket };
  const left = handover?.take(io.tlsSuites);
  if (left === undefined) return { socket };
  const { suite, secret } = left;
  try {
    const secured = io.calls.openTls(left.fd, io.interrupt, { suite, sending: { secret } });
    return { socket: left.socket, secured };
  } catch (error) {
    left.socket.destroy();
    throw error;
  } finally {
    secret.fill(0);
  }
}
