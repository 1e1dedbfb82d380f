import { Socket } from 'node:net';
import { MessageChannel, type MessagePort } from 'node:worker_threads';
import { MultifdError } from '../errors.js';
import type { ByteStream } from './byte-stream.js';
import { type PortState, PortStream } from './tls/port-stream.js';

/** A connection on its way to the thread that will own it. It can be posted. */
export type Handover =
  /** The socket itself; it is also in the message's transfer list. */
  | { readonly type: 'socket'; readonly socket: Socket }
  /** The thread calls the API thread's `Bridge`, which carries the connection's bytes. */
  | { readonly type: 'bridge'; readonly port: number; readonly key: Uint8Array }
  /** The decrypted bytes of a TLS connection; the port is also in the message's transfer list. */
  | { readonly type: 'tls'; readonly port: MessagePort; readonly state: PortState };

/**
 * Whether this Node can post a socket to another thread: 24 and 26 learned it in their later versions, 22 did not.
 * Asks Node, since a list of versions would have to name each line.
 */
export function canPostSockets(): boolean {
  const { port1 } = new MessageChannel();
  // It has no handle, so no Node posts it: the error says whether sockets can be posted at all.
  const socket = new Socket();
  try {
    port1.postMessage(socket, [socket]);
    return true;
  } catch (error) {
    return !(error instanceof Error && error.name === 'DataCloneError');
  } finally {
    port1.close();
    socket.destroy();
  }
}

/** What of a handover goes into the message's transfer list. */
export function transferOf(handover: Handover): readonly (Socket | MessagePort)[] {
  if (handover.type === 'tls') return [handover.port];
  return handover.type === 'socket' ? [handover.socket] : [];
}

/**
 * In the thread: its socket, unread and paused, or what stands for it.
 * @throws MultifdError `io` if the bridge does not answer.
 */
export async function takeOver(handover: Handover): Promise<ByteStream> {
  if (handover.type === 'tls') return new PortStream(handover.port, handover.state);
  if (handover.type === 'socket') return handover.socket;
  const { port, key } = handover;
  const socket = new Socket();
  // Else Node reads as soon as it has connected, and what it read would be lost with this object (`adoptSocket`).
  socket.pause();
  socket.setNoDelay();
  socket.connect({ host: '127.0.0.1', port });
  await new Promise<void>((resolve, reject) => {
    const failed = (cause: Error): void =>
      reject(
        new MultifdError('io', `cannot take over a connection on loopback: ${cause.message}`, { cause }),
      );
    socket.once('error', failed);
    socket.once('connect', () => {
      socket.off('error', failed);
      resolve();
    });
  });
  await new Promise<void>((resolve) => socket.write(key, () => resolve()));
  return socket;
}
