import { MultifdError } from '../errors.js';
import { tlsReason } from './tls/faults.js';

/** Words for what becomes of an outgoing connection, whoever sends on it. `where`: its name. */
export function closedByPeer(where: string): MultifdError {
  return new MultifdError('peer-closed', `${where}: the destination closed the connection`);
}

export function connectionBroke(where: string, cause: Error): MultifdError {
  return new MultifdError('peer-closed', `${where}: the connection broke: ${tlsReason(cause)}`, {
    cause,
    hint: "see the destination's own message",
  });
}

/** @param timeout ms. */
export function stalled(where: string, timeout: number): MultifdError {
  return new MultifdError('timeout', `${where}: the destination took no byte for ${timeout} ms`, {
    hint: 'the destination hangs, waits for more channels (multifd-channels must be the same on both ends), or the network is down',
  });
}

/** Rewords a host package's error as the stream's errors are worded. @param timeout ms. */
export function explained(cause: MultifdError, where: string, timeout: number): MultifdError {
  if (cause.code === 'timeout') return stalled(where, timeout);
  if (cause.code === 'peer-closed') return connectionBroke(where, cause);
  return new MultifdError(cause.code, `${where}: ${cause.message}`, {
    cause,
    ...(cause.hint === undefined ? {} : { hint: cause.hint }),
  });
}
