import type { Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { MultifdError } from '../errors.js';
import type { CounterRow } from '../thread/counters.js';
import { ACTIVITY_IDLE } from '../thread/counters.js';
import { isSilent } from '../time-limit.js';
import type { BandwidthLimit } from './bandwidth.js';
import { closedByPeer, connectionBroke, explained, stalled } from './outgoing-errors.js';
import type { SharedSocket } from './shared-socket.js';
import type { BlockingSocket, BlockingTlsSocket } from './socket-io.js';
import { VectorParts } from './vector-parts.js';

/** Bytes that may be queued in this process for a connection before its thread waits. */
const HIGH_WATER = 4 * 2 ** 20;

/** ms between a waiting sender's checks for a changed limit. */
const TURN_STEP = 50;

export interface OutgoingOptions {
  /** For messages: `main stream`, `channel 3`. */
  readonly where: string;
  /** ms that bytes may be pending without any of them leaving. */
  readonly stallTimeout: number;
  readonly counters: CounterRow;
  readonly limit: BandwidthLimit;
  readonly signal: AbortSignal;
  /** Sends in place of the socket's stream; owned by the `Outgoing` from then on. */
  readonly blocking?: BlockingSocket | SharedSocket | undefined;
  /** The same, if it encrypts. The socket is a bare one then, and nothing else may write to it. */
  readonly secured?: BlockingTlsSocket | undefined;
}

/**
 * The sending half of a connection: sends vectors in order, without copying them. The only place on the source that
 * writes to a socket.
 */
export class Outgoing {
  readonly #socket: Socket;
  readonly #options: OutgoingOptions;
  readonly #blocking: BlockingSocket | SharedSocket | undefined;
  /** Bytes handed to the socket and not yet taken by the kernel. */
  #pending = 0;
  #failure: MultifdError | undefined;
  #waiting: (() => void)[] = [];
  #closing = false;
  #mayEnd: (() => boolean) | undefined;

  constructor(socket: Socket, options: OutgoingOptions) {
    this.#socket = socket;
    this.#options = options;
    this.#blocking = options.secured ?? options.blocking;
    socket.on('error', (cause) => this.#broke(cause));
    // Restarts with every byte sent or received, however few: the kernel takes a large write piece by piece.
    socket.setTimeout(options.stallTimeout, () => {
      if (this.#pending > 0) this.#fail(stalled(this.#options.where, this.#options.stallTimeout));
    });
    socket.on('close', () => {
      if (this.#closing || this.#mayEnd?.() === true) return;
      this.#fail(closedByPeer(this.#options.where));
    });
    options.signal.addEventListener('abort', () => {
      this.#fail(new MultifdError('cancelled', `${options.where}: cancelled`));
    });
  }

  /** Called once if the connection fails, whatever this thread is doing. */
  onFailure: ((error: MultifdError) => void) | undefined;

  /**
   * Queues `vectors`, `bytes` long in all. The caller must not change them until `done` is called; guest memory may
   * change. Resolves when there is room for more.
   * @throws MultifdError if the connection has failed or stalls for longer than the stall timeout.
   */
  async send(vectors: readonly Uint8Array[], bytes: number, done?: () => void): Promise<void> {
    const { counters } = this.#options;
    counters.sending();
    await this.#handOver(vectors, bytes, done);
    counters.hasSent(bytes);
  }

  /** Under a bandwidth limit, in parts: one long write would be a burst of more than the limit. */
  async #handOver(vectors: readonly Uint8Array[], bytes: number, done?: () => void): Promise<void> {
    const { limit } = this.#options;
    if (bytes <= limit.portion) return this.#write(vectors, bytes, done);
    const parts = new VectorParts(vectors);
    for (let left = bytes; left > 0; ) {
      const length = Math.min(left, limit.portion);
      left -= length;
      await this.#write(parts.take(length), length, left === 0 ? done : undefined);
    }
  }

  async #write(vectors: readonly Uint8Array[], bytes: number, done?: () => void): Promise<void> {
    await this.#turn(bytes);
    this.#throwIfFailed();
    this.#options.counters.addBytes(bytes);
    const blocking = this.#blocking;
    if (blocking !== undefined) {
      await this.#sendBlocking(blocking, vectors);
      done?.();
      return;
    }
    this.#pending += bytes;
    const last = vectors.length - 1;
    this.#socket.cork();
    vectors.forEach((vector, index) => {
      if (index < last) this.#socket.write(vector);
      else {
        this.#socket.write(vector, (cause) => {
          if (cause) this.#broke(cause);
          this.#pending -= bytes;
          done?.();
          this.#wake();
        });
      }
    });
    this.#socket.uncork();
    await this.#until(() => this.#pending <= HIGH_WATER);
  }

  /** Waits until the kernel has taken every byte. */
  async drained(): Promise<void> {
    const { counters } = this.#options;
    counters.sending();
    await this.#until(() => this.#pending === 0);
    counters.hasSent(0);
  }

  /** Sends what is left and closes this direction; the socket closes once the peer has closed too. */
  async close(): Promise<void> {
    await this.drained();
    this.#closing = true;
    const { secured, stallTimeout } = this.#options;
    if (secured === undefined) {
      await new Promise<void>((resolve) => this.#socket.end(resolve));
      return;
    }
    try {
      secured.end(stallTimeout);
    } catch (cause) {
      const error = MultifdError.from(cause, 'io', this.#options.where);
      // A peer that is gone already: whether it has everything, its answer says.
      if (error.code !== 'peer-closed') throw explained(error, this.#options.where, stallTimeout);
    }
  }

  /**
   * Nothing more will be sent: the peer may close the connection while `mayEnd` returns true. A broken connection is
   * still a failure: a peer that resets it has not read everything in flight.
   */
  endsWhen(mayEnd: () => boolean): void {
    this.#mayEnd = mayEnd;
  }

  /** The peer has sent its last message: from now on it may close or break the connection. */
  expectEnd(): void {
    this.#closing = true;
  }

  /**
   * The last message is queued, and none will answer it: the peer may close. If it breaks the connection instead, it has not
   * taken everything. With TLS that proves nothing: a QEMU has all, closes, and resets with our close_notify unread.
   */
  expectUnanswered(): void {
    if ('encrypted' in this.#socket) this.expectEnd();
    else this.endsWhen(() => true);
  }

  /**
   * After `expectUnanswered`: as `close`, and waits until the peer closes too.
   * @param patience ms that it may take; a peer that stays says nothing by that.
   * @throws MultifdError `peer-closed` if it breaks the connection.
   */
  async closeUnanswered(patience: number): Promise<void> {
    if (this.#closing) return this.close();
    const closed = new Promise<void>((resolve) => this.#socket.once('close', () => resolve()));
    await this.drained();
    this.#socket.end();
    if (!this.#socket.destroyed) await isSilent(closed, patience);
    this.#throwIfFailed();
    this.#closing = true;
  }

  /** Drops the connection at once. May be called twice. */
  destroy(): void {
    this.#closing = true;
    this.#blocking?.close();
    this.#socket.destroy();
  }

  /**
   * Until the kernel has taken everything; firing the interrupt ends the wait. The thread blocks, unless other channels
   * share it.
   */
  async #sendBlocking(
    blocking: BlockingSocket | SharedSocket,
    vectors: readonly Uint8Array[],
  ): Promise<void> {
    const { counters, stallTimeout } = this.#options;
    const { activity } = counters;
    // Node closes the descriptor before it says so. Its number may be another socket's or file's by now.
    if (this.#socket.destroyed) {
      const error = closedByPeer(this.#options.where);
      this.#fail(error);
      throw error;
    }
    counters.heartbeat(ACTIVITY_IDLE);
    try {
      await blocking.send(vectors, stallTimeout);
    } catch (cause) {
      // In a shared thread the connection can fail meanwhile.
      this.#throwIfFailed();
      const { where, stallTimeout } = this.#options;
      const error = explained(MultifdError.from(cause, 'io', where), where, stallTimeout);
      this.#fail(error);
      throw error;
    }
    counters.heartbeat(activity);
  }

  /** Waits for the bandwidth limit in steps, so that a cancellation or a new limit takes effect soon. */
  async #turn(bytes: number): Promise<void> {
    const { limit, counters } = this.#options;
    let turn = limit.reserve(bytes, process.hrtime.bigint());
    for (let left = turn.wait; left > 0; ) {
      counters.heartbeat(ACTIVITY_IDLE);
      await delay(Math.min(left, TURN_STEP));
      this.#throwIfFailed();
      left -= TURN_STEP;
      if (!limit.isStale(turn)) continue;
      turn = limit.reserve(bytes, process.hrtime.bigint());
      left = turn.wait;
    }
  }

  async #until(ready: () => boolean): Promise<void> {
    this.#throwIfFailed();
    if (ready()) return;
    // Now this thread waits for the peer: the stall timeout guards that, not the hang watch.
    const { activity } = this.#options.counters;
    this.#options.counters.heartbeat(ACTIVITY_IDLE);
    while (!ready()) {
      await new Promise<void>((resolve) => {
        this.#waiting.push(resolve);
      });
      this.#throwIfFailed();
    }
    this.#options.counters.heartbeat(activity);
  }

  #broke(cause: Error): void {
    if (this.#closing) return;
    this.#fail(connectionBroke(this.#options.where, cause));
  }

  #wake(): void {
    for (const wake of this.#waiting.splice(0)) wake();
  }

  #fail(error: MultifdError): void {
    if (this.#failure !== undefined) return;
    this.#failure = error;
    // Report first: dropping this connection may make the peer fail and report that on another connection.
    this.onFailure?.(error);
    this.destroy();
    this.#wake();
  }

  #throwIfFailed(): void {
    if (this.#failure !== undefined) throw this.#failure;
  }
}
