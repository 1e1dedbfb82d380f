import { availableParallelism } from 'node:os';
import type { MigrationParameters } from '../parameters.js';
import type { BlockingSocket } from './socket-io.js';

/** Bytes of one TCP connection that wait in the kernel. */
export interface QueueLimits {
  /** For which the other end has no room yet: a send waits while there are more (TCP_NOTSENT_LOWAT). */
  readonly unsent: number;
  /** Received and not read (SO_RCVBUF). */
  readonly unread: number;
}

/** Of a migration's parameters, what decides its limits. */
export type QueueUsers = Pick<MigrationParameters, 'multifdChannels' | 'multifdCompression'>;

/**
 * So small that what one end has written is still in the processor's cache when the other end reads it. Measured:
 * docs/performance-notes.md, 2026-11-28. Larger and smaller ones were slower.
 */
const IN_CACHE: QueueLimits = { unsent: 64 * 1024, unread: 256 * 1024 };

/**
 * The limits for one of a migration's channels; undefined: leave them to the kernel, which makes room for a long line.
 *
 * Only where both ends are on one machine, and its processors are fewer than the channels of both ends: those take turns
 * then, and a turn fills megabytes, which are read back from memory. Where each thread has a processor, small queues
 * make them wait for each other. Not where a codec works, or may (`auto`): it takes longer for its bytes than the cache
 * keeps them, and small queues cost it 6 % (docs/performance-notes.md, 2026-11-29).
 */
export function queueLimits(
  socket: { readonly localAddress?: string | undefined; readonly remoteAddress?: string | undefined },
  { multifdChannels, multifdCompression }: QueueUsers,
  processors = availableParallelism(),
): QueueLimits | undefined {
  const { localAddress, remoteAddress } = socket;
  // A connection that does not leave the machine has the same address on both ends.
  const here = localAddress !== undefined && localAddress === remoteAddress;
  const copies = multifdCompression === 'none';
  return here && copies && 2 * multifdChannels > processors ? IN_CACHE : undefined;
}

/** Limits the queues of `blocking`, which is on `socket`, where that is good. */
export function limitQueues(
  blocking: Pick<BlockingSocket, 'limitQueues'>,
  socket: Parameters<typeof queueLimits>[0],
  users: QueueUsers,
): void {
  const limits = queueLimits(socket, users);
  if (limits !== undefined) blocking.limitQueues?.(limits);
}
