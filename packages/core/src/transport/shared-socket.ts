import { MultifdError } from '../errors.js';
import type { QueueLimits } from './queue-limits.js';
import type { Intake, Receiving } from './receiving.js';
import type { NonBlockingSocket } from './socket-io.js';
import type { SocketTurns } from './socket-turns.js';
import { VectorParts } from './vector-parts.js';

/** Bytes that are offered to the kernel in one call: it takes no more at once as a rule, and each vector costs time. */
const PART = 512 * 1024;

/** A socket in a thread that several channels share: while it waits, the others go on. */
export class SharedSocket implements Receiving {
  readonly #socket: NonBlockingSocket;
  readonly #turns: SocketTurns;
  readonly #isOpen: () => boolean;
  /** Little may wait in the kernel: the peer is on this machine. */
  #isLimited = false;

  /** @param isOpen whether the descriptor is still the socket's. Asked right before each use. */
  constructor(socket: NonBlockingSocket, turns: SocketTurns, isOpen: () => boolean) {
    this.#socket = socket;
    this.#turns = turns;
    this.#isOpen = isOpen;
  }

  /** As `BlockingSocket.send`: resolves when the kernel has taken everything. */
  send(vectors: readonly Uint8Array[], stallTimeout: number): Promise<void> {
    const parts = new VectorParts(vectors);
    let part = parts.take(PART);
    return this.#turns.run({
      ...this.#use(true, stallTimeout),
      stays: this.#isLimited,
      step: () => {
        for (let moved = false; part.length > 0; moved = true) {
          this.#check();
          const taken = this.#socket.trySend(part);
          const rest = new VectorParts(part);
          rest.take(taken);
          part = rest.take(PART);
          if (part.length > 0) return moved || taken > 0 ? 'moved' : 'waits';
          part = parts.take(PART);
        }
        return 'done';
      },
    });
  }

  async receive(intake: Intake): Promise<boolean> {
    let isOver = false;
    await this.#turns.run({
      ...this.#use(false, Number.POSITIVE_INFINITY),
      stays: false,
      step: () => {
        // A peer that sends at the same time has often sent more meanwhile.
        for (let moved = false; ; moved = true) {
          this.#check();
          const count = this.#socket.tryReceive(intake.targets());
          if (count === undefined) return moved ? 'moved' : 'waits';
          isOver = count === 0;
          if (isOver || intake.filled(count)) return 'done';
        }
      },
    });
    return !isOver;
  }

  limitQueues(limits: QueueLimits): void {
    this.#socket.limitQueues?.(limits);
    this.#isLimited = true;
  }

  /** As `BlockingSocket.close`; a pending call fails with `cancelled`. */
  close(): void {
    this.#turns.drop(this.#socket);
    this.#socket.close();
  }

  #use(sends: boolean, limit: number) {
    return { socket: this.#socket, sends, limit, isOpen: this.#isOpen };
  }

  /** A descriptor that Node has closed may be another socket's or file's by now. */
  #check(): void {
    if (!this.#isOpen()) throw new MultifdError('peer-closed', 'the other end has closed the connection');
  }
}
