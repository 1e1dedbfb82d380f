import { connect, type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { MultifdError } from '../errors.js';
import type { Address } from './address.js';
import { formatAddress } from './address.js';
import { connectError, isNobodyThere, systemCode } from './socket-errors.js';

/** ms between two tries to connect to a listener whose backlog is full. */
const FULL_STEP = 20;

/**
 * Connects this thread to the destination. A unix socket whose listener has a full backlog refuses at once, where TCP
 * waits: then this end tries again until `timeout` is over.
 * @param timeout ms.
 * @throws MultifdError `timeout`, or as `connectError`, naming `where` and the address; `cancelled` once `signal` aborts.
 */
export async function openConnection(
  address: Address,
  where: string,
  timeout: number,
  signal: AbortSignal,
): Promise<Socket> {
  const end = performance.now() + timeout;
  for (;;) {
    try {
      return await connectOnce(address, where, timeout, Math.max(1, end - performance.now()), signal);
    } catch (error) {
      const isFull =
        address.kind === 'unix' && MultifdError.is(error) && systemCode(error.cause) === 'EAGAIN';
      if (!isFull || performance.now() >= end) throw error;
      await delay(FULL_STEP);
    }
  }
}

/** @param left ms of `timeout` that are left. */
function connectOnce(
  address: Address,
  where: string,
  timeout: number,
  left: number,
  signal: AbortSignal,
): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const target =
      address.kind === 'tcp' ? { host: address.host, port: address.port } : { path: address.path };
    const socket = connect({ ...target, noDelay: true });
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
  address: Address,
  where: string,
  timeout: number,
  signal: AbortSignal,
): Promise<Socket> {
  try {
    return await openConnection(address, where, timeout, signal);
  } catch (cause) {
    if (!MultifdError.is(cause) || !isNobodyThere(cause)) throw cause;
    throw new MultifdError('peer-closed', `${where}: the destination no longer listens: ${cause.message}`, {
      cause,
      hint: "see the destination's own message",
    });
  }
}
