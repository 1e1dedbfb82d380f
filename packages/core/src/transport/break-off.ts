import { Socket } from 'node:net';
import type { ByteStream } from './byte-stream.js';
import type { SocketBytes } from './socket-bytes.js';

/**
 * Drops a connection so that the peer sees that it did not end well: TCP resets it. A Unix socket, or TLS, can only
 * be closed: the peer then sees an end like any other, unless bytes were left unread.
 */
export function breakOff(connection: ByteStream): void {
  // Only a socket of TCP that is connected has a family.
  if (connection instanceof Socket && connection.remoteFamily !== undefined) connection.resetAndDestroy();
  else connection.destroy();
}

/** Sends `word`, closes this direction, and reads on until the peer closes too. @param patience ms that it may take. */
export async function endBoth(
  { socket, resume }: SocketBytes,
  word: Uint8Array,
  patience: number,
): Promise<void> {
  if (socket.destroyed) return;
  const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()));
  const timer = setTimeout(() => socket.destroy(), patience);
  socket.end(word);
  resume();
  await closed;
  clearTimeout(timer);
}
