import type { ThreadJobs } from '../thread/port.js';
import { SharedSocket } from './shared-socket.js';
import type { BlockingSocket, SocketIo } from './socket-io.js';
import { SocketTurns } from './socket-turns.js';

/** Takes what a socket receives. */
export interface Intake {
  /** Memory for the next bytes, in order. */
  targets(): readonly Uint8Array[];
  /** `count` bytes, at least one, are in `targets`. @returns whether that is enough. */
  filled(count: number): boolean;
}

/** What receives on a connection in place of Node. */
export interface Receiving extends Pick<BlockingSocket, 'isCut' | 'limitQueues' | 'close'> {
  /**
   * Waits for bytes, and passes them on: a socket that blocks its thread what has come, a shared one until it is enough.
   * @returns false if the peer has closed. @throws as `BlockingSocket.receive`.
   */
  receive(intake: Intake): boolean | Promise<boolean>;
}

/** Blocks its thread. */
export class BlockingReceiver implements Receiving {
  readonly #socket: BlockingSocket;

  /** @param socket this object's from now on. */
  constructor(socket: BlockingSocket) {
    this.#socket = socket;
  }

  get isCut(): boolean {
    return this.#socket.isCut === true;
  }

  receive(intake: Intake): boolean {
    const count = this.#socket.receive(intake.targets(), Number.POSITIVE_INFINITY);
    if (count > 0) intake.filled(count);
    return count > 0;
  }

  limitQueues(limits: Parameters<NonNullable<BlockingSocket['limitQueues']>>[0]): void {
    this.#socket.limitQueues?.(limits);
  }

  close(): void {
    this.#socket.close();
  }
}

/**
 * @param jobs of this thread: one that is alone may block it.
 * @param isOpen whether `fd` is still the socket's.
 * @returns undefined if `io` cannot share a thread, and this one is shared: Node receives then.
 */
export function receivingOn(
  io: SocketIo,
  fd: number,
  interrupt: number,
  jobs: ThreadJobs,
  isOpen: () => boolean,
): Receiving | undefined {
  if (!jobs.areShared) return new BlockingReceiver(io.open(fd, interrupt));
  const { nonBlocking } = io;
  if (nonBlocking === undefined) return undefined;
  const turns = SocketTurns.of(jobs, nonBlocking, interrupt);
  return new SharedSocket(nonBlocking.open(fd, interrupt), turns, isOpen);
}
