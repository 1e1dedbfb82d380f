import { connect, type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { MultifdError } from '../errors.js';
import { type Address, formatAddress } from './address.js';
import { answering, type HostAddresses } from './look-up.js';
import { connectError, isNobodyThere, systemCode } from './socket-errors.js';
import { secure } from './tls/connect-tls.js';
import type { ClientTls, TlsPeer } from './tls/credentials.js';
import type { SendingHandover } from './tls/sending-handover.js';

/** ms between two tries to connect to a listener whose backlog is full. */
const FULL_STEP = 20;

/** A connection to the destination. */
export interface Connected {
  readonly socket: Socket;
  /** Who the destination is; undefined without TLS. */
  readonly tls: TlsPeer | undefined;
  /** Lets somebody else encrypt; absent without TLS, or if nobody wants to. */
  readonly handover?: SendingHandover | undefined;
}

/** Where to connect to, and how. */
export interface Route {
  readonly address: Address;
  /** Undefined: no TLS. */
  readonly tls: ClientTls | undefined;
  /** The host's, by `lookUp`; undefined: this thread asks the name service. */
  readonly addresses?: HostAddresses | undefined;
}

type Target = Pick<Route, 'address' | 'addresses'>;

/**
 * Connects this thread to the destination, and does the TLS handshake.
 * @param timeout ms.
 * @param maySend whether somebody else than Node may want to encrypt.
 * @throws MultifdError `timeout`, `tls`, or as `connectError`, naming `where` and the address; `cancelled` once `signal`
 *   aborts.
 */
export async function openConnection(
  { address, tls, addresses }: Route,
  where: string,
  timeout: number,
  signal: AbortSignal,
  maySend = false,
): Promise<Connected> {
  const start = performance.now();
  const socket = await connectSocket({ address, addresses }, where, timeout, signal);
  if (tls === undefined) return { socket, tls };
  const host = address.kind === 'tcp' ? address.host : undefined;
  const left = Math.max(1, Math.ceil(timeout - (performance.now() - start)));
  const secured = await secure(socket, tls, host, maySend, where, left, signal);
  return { socket: secured.socket, tls: secured.peer, handover: secured.handover };
}

/**
 * A unix socket whose listener has a full backlog refuses at once, where TCP waits: then this end tries again until
 * `timeout` is over.
 */
async function connectSocket(
  target: Target,
  where: string,
  timeout: number,
  signal: AbortSignal,
): Promise<Socket> {
  const end = performance.now() + timeout;
  for (;;) {
    try {
      return await connectOnce(target, where, timeout, Math.max(1, end - performance.now()), signal);
    } catch (error) {
      const isFull =
        target.address.kind === 'unix' && MultifdError.is(error) && systemCode(error.cause) === 'EAGAIN';
      if (!isFull || performance.now() >= end) throw error;
      await delay(FULL_STEP);
    }
  }
}

/** @param left ms of `timeout` that are left. */
function connectOnce(
  { address, addresses }: Target,
  where: string,
  timeout: number,
  left: number,
  signal: AbortSignal,
): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const target =
      address.kind === 'tcp' ? { host: address.host, port: address.port } : { path: address.path };
    const known = addresses === undefined ? {} : { lookup: answering(addresses) };
    const socket = connect({ ...target, ...known, noDelay: true });
    const settle = (): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', onAbort);
      socket.removeListener('error', onError);
      socket.removeListener('connect', onConnect);
    };
    const fail = (error: MultifdError): void => {
      settle();
      socket.on('error', () => {});
      socket.destroy();
      reject(error);
    };
    const onConnect = (): void => {
      settle();
      resolve(socket);
    };
    const onError = (cause: Error): void => fail(connectError(address, cause, where));
    const onAbort = (): void => fail(new MultifdError('cancelled', `${where}: cancelled while connecting`));
    const timer = setTimeout(
      () =>
        fail(
          new MultifdError(
            'timeout',
            `${where}: no connection to ${formatAddress(address)} within ${timeout} ms`,
            { hint: 'nothing answers: check the address, the network, and firewalls in between' },
          ),
        ),
      left,
    );
    socket.on('connect', onConnect);
    socket.on('error', onError);
    signal.addEventListener('abort', onAbort);
    if (signal.aborted) onAbort();
  });
}

/**
 * Connects a channel, once main is connected: a destination that no longer listens has refused main, or has ended.
 * @throws MultifdError `peer-closed` then, else as `openConnection`.
 */
export async function connectChannel(
  route: Route,
  where: string,
  timeout: number,
  signal: AbortSignal,
  maySend: boolean,
): Promise<Connected> {
  try {
    return await openConnection(route, where, timeout, signal, maySend);
  } catch (cause) {
    if (!MultifdError.is(cause) || !isNobodyThere(cause)) throw cause;
    throw new MultifdError('peer-closed', `${where}: the destination no longer listens: ${cause.message}`, {
      cause,
      hint: "see the destination's own message",
    });
  }
}
