import { Socket } from 'node:net';
import type { ByteStream } from './byte-stream.js';

/**
 * Drops a connection so that the peer sees that it did not end well: TCP resets it. A Unix socket, or TLS, can only
 * be closed: the peer then sees an end like any other, unless bytes were left unread.
 */
export function breakOff(connection: ByteStream): void {
  // Only a socket of TCP that is connected has a family.
  if (connection instanceof Socket && connection.remoteFamily !== undefined) connection.resetAndDestroy();
  else connection.destroy();
}
