import type { SocketIoLink } from './socket-io.js';

/**
 * Whether a thread can serve several channels. Not with TLS: its records are made and opened in calls that block.
 * @param tls undefined: none. @param io undefined: Node's streams, which never block.
 */
export function canShare(tls: object | undefined, io: SocketIoLink | undefined): boolean {
  return tls === undefined && (io === undefined || io.shares);
}
