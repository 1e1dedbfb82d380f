import type { Server } from 'node:net';
import { MultifdError } from '../errors.js';
import type { Address } from './address.js';
import { withPrivateSocket } from './private-socket.js';
import { listenError, systemCode } from './socket-errors.js';
import { removeStaleSocket } from './stale-socket.js';

/** Listen backlog. Large, so that a burst of other connections does not make the source wait for a retry. */
const BACKLOG = 4096;

/**
 * Listens. Replaces a unix socket whose owner died, as its file outlives the process; makes one that only this user can
 * connect to.
 * @returns the port; 0 for a unix socket.
 * @throws MultifdError as `listenError`, or that says who listens there.
 */
export async function listenAt(server: Server, address: Address): Promise<number> {
  try {
    return await listen(server, address);
  } catch (error) {
    const isInUse = MultifdError.is(error) && systemCode(error.cause) === 'EADDRINUSE';
    if (!isInUse || address.kind !== 'unix') throw error;
    await removeStaleSocket(address.path).catch((failure: unknown) => {
      throw MultifdError.is(failure) ? failure : listenError(address, failure);
    });
    return listen(server, address);
  }
}

function listen(server: Server, address: Address): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', (cause) => reject(listenError(address, cause)));
    const place =
      address.kind === 'tcp' ? { host: address.host, port: address.port } : { path: address.path };
    const open = (): boolean => {
      server.listen({ ...place, backlog: BACKLOG }, () => {
        const bound = server.address();
        resolve(bound !== null && typeof bound === 'object' ? bound.port : 0);
      });
      return server.listening;
    };
    try {
      if (address.kind === 'unix') withPrivateSocket(address.path, open);
      else open();
    } catch (cause) {
      server.close();
      reject(listenError(address, cause));
    }
  });
}
