import { connect, type Socket } from 'node:net';
import { MultifdError } from '../errors.js';
import type { Address } from './address.js';
import { formatAddress } from './address.js';

/**
 * Connects this thread to the destination.
 * @param timeout ms.
 * @throws MultifdError `timeout` or `io`, naming `where` and the address; `cancelled` once `signal` aborts.
 */
export function openConnection(
  address: Address,
  where: string,
  timeout: number,
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
    const onError = (cause: Error): void =>
      fail(
        new MultifdError('io', `${where}: cannot connect to ${formatAddress(address)}: ${cause.message}`, {
          cause,
          hint: 'is the destination listening there? start it with: multifd receive',
        }),
      );
    const onAbort = (): void => fail(new MultifdError('cancelled', `${where}: cancelled while connecting`));
    const timer = setTimeout(
      () =>
        fail(
          new MultifdError(
            'timeout',
            `${where}: no connection to ${formatAddress(address)} within ${timeout} ms`,
          ),
        ),
      timeout,
    );
    socket.on('connect', onConnect);
    socket.on('error', onError);
    signal.addEventListener('abort', onAbort);
    if (signal.aborted) onAbort();
  });
}

/**
 * Connects a channel, once main is connected: a destination that no longer listens has refused main, or has ended.
 * @throws MultifdError `peer-closed` then, `timeout` or `cancelled` as `openConnection`.
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
    if (!MultifdError.is(cause) || cause.code !== 'io') throw cause;
    throw new MultifdError('peer-closed', `${where}: the destination no longer listens: ${cause.message}`, {
      cause,
      hint: "see the destination's own message",
    });
  }
}
