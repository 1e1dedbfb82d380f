import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { MultifdError } from '../../errors.js';
import { nodeTls } from '../node-modules.js';
import { ClientSide } from './client-side.js';
import { clientOptions } from './contexts.js';
import type { ClientTls, TlsPeer } from './credentials.js';
import { connectionFault, handshakeFault } from './faults.js';
import { judgeServer, serverName } from './peer.js';
import { SendingHandover } from './sending-handover.js';

/** An outgoing connection whose other end has proven itself. */
export interface Secured {
  readonly socket: TLSSocket;
  readonly peer: TlsPeer;
  /** Absent: nobody wants to take over. */
  readonly handover?: SendingHandover | undefined;
}

/**
 * Does the handshake on a connected socket, which belongs to the result from then on.
 * @param maySend whether somebody else may want to encrypt afterwards.
 * @param host of the address; undefined: it has none.
 * @param where for messages.
 * @param timeout ms.
 * @throws MultifdError `tls`, `timeout`, or `cancelled` once `signal` aborts; then nothing stays open.
 */
export function secure(
  raw: Socket,
  tls: ClientTls,
  host: string | undefined,
  maySend: boolean,
  where: string,
  timeout: number,
  signal: AbortSignal,
): Promise<Secured> {
  return new Promise((resolve, reject) => {
    const hostname = tls.hostname ?? host;
    const side = maySend ? new ClientSide(raw) : undefined;
    const options = { ...clientOptions(tls), servername: serverName(hostname) };
    const socket = nodeTls().connect({ ...options, socket: side ?? raw });
    // TLSSocket does as its stream does. A destination that ends is gone, and that is to be noticed.
    socket.allowHalfOpen = false;
    const handover = side && new SendingHandover(socket, side);
    const settle = (): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', onAbort);
      socket.removeListener('error', onError);
      socket.removeListener('close', onClose);
      socket.removeListener('secureConnect', onSecure);
    };
    const fail = ({ code, message, hint, cause }: MultifdError): void => {
      settle();
      socket.on('error', () => {});
      socket.destroy();
      const help = hint === undefined ? {} : { hint };
      reject(new MultifdError(code, `${where}: ${message}`, { cause, ...help }));
    };
    let peer: TlsPeer | undefined;
    const onSecure = (): void => {
      try {
        peer = judgeServer(socket, tls, host);
      } catch (cause) {
        fail(MultifdError.from(cause, 'internal', 'TLS'));
        return;
      }
      const secured = { socket, peer, handover };
      // What came with the handshake's last bytes may break the connection in this very turn. That is said in front of microtasks,
      // and whoever waits for this listens in the microtasks behind this one.
      queueMicrotask(() => {
        if (socket.destroyed) return;
        settle();
        resolve(secured);
      });
    };
    const onError = (cause: Error): void =>
      fail(peer === undefined ? handshakeFault(cause, 'the destination') : connectionFault(cause));
    const onClose = (): void =>
      onError(Object.assign(new Error('the connection ended'), { code: 'ECONNRESET' }));
    const onAbort = (): void => fail(new MultifdError('cancelled', 'cancelled in the TLS handshake'));
    const timer = setTimeout(
      () =>
        fail(
          new MultifdError('timeout', `no TLS handshake with the destination within ${timeout} ms`, {
            hint: 'does it use TLS? set tls-creds on both ends, or on neither',
          }),
        ),
      timeout,
    );
    socket.on('secureConnect', onSecure);
    socket.on('error', onError);
    socket.on('close', onClose);
    signal.addEventListener('abort', onAbort);
    if (signal.aborted) onAbort();
  });
}
