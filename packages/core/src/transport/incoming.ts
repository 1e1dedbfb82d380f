import type { Socket } from 'node:net';
import { MultifdError } from '../errors.js';
import type { CounterRow } from '../thread/counters.js';
import { adoptSocket, type BytesConsumer, type SocketBytes, streamSocket } from './socket-bytes.js';
import type { BlockingSocket, SocketIo } from './socket-io.js';
import { STAGING_SIZE, Staging } from './staging.js';

/** ms after which a silent peer is asked whether it is there, ms between, and how often. */
const KEEP_ALIVE = { enable: true, initialDelay: 10_000, interval: 5_000, count: 6 };

/**
 * The receiving half of a connection. Packets and records are looked at in a small staging buffer; payload goes
 * straight to where it belongs. The only place on the destination that reads from a socket. One reader at a
 * time.
 */
export class IncomingConnection implements BytesConsumer {
  /** For messages; it changes once the peer has introduced itself. */
  where: string;
  readonly #staging: Staging;
  /** Bytes that were read before this began. */
  readonly #head: number;
  readonly #bytes: SocketBytes;
  #blocking: BlockingSocket | undefined;
  #counters: CounterRow | undefined;
  #ended = false;
  /** The last word is said: what comes now is dropped. */
  #leaving = false;
  #failure: MultifdError | undefined;
  #waiting: (() => void) | undefined;
  /** Its thread waits for something else: called when the peer closes. */
  #onEnd: (() => void) | undefined;

  /**
   * @param options `head`: bytes that were read from the socket before, at most 16 KiB; copied. `adopt` false: only
   *   documented ways of Node (see `adoptSocket`).
   */
  constructor(
    accepted: Socket,
    where: string,
    { adopt = true, head = new Uint8Array(0) }: { readonly adopt?: boolean; readonly head?: Uint8Array } = {},
  ) {
    this.where = where;
    this.#staging = new Staging(head);
    this.#head = head.length;
    this.#bytes = (adopt ? adoptSocket(accepted, this) : undefined) ?? streamSocket(accepted, this);
    const { socket } = this.#bytes;
    socket.setKeepAlive(KEEP_ALIVE);
    socket.on('end', () => {
      this.#ended = true;
      this.#onEnd?.();
      this.#wake();
    });
    socket.on('error', (cause) => {
      this.#fail(
        new MultifdError('peer-closed', `${this.where}: the connection broke: ${cause.message}`, { cause }),
      );
    });
    socket.on('close', () => {
      if (!this.#ended)
        this.#fail(new MultifdError('peer-closed', `${this.where}: the connection is closed`));
    });
  }

  /** Counts bytes from now on, and those that have come already. */
  countIn(counters: CounterRow): void {
    this.#counters = counters;
    counters.addBytes(this.#head + this.#bytes.socket.bytesRead);
  }

  /**
   * From now on this blocks its thread while it waits for bytes, if `io` can have the socket: whoever owns the thread
   * can end such a wait only by firing the interrupt.
   */
  block(io: SocketIo, interrupt: number): void {
    const { fd, socket } = this.#bytes;
    if (fd === undefined || this.#ended || this.#failure !== undefined) return;
    socket.pause();
    this.#blocking = io.open(fd, interrupt);
  }

  /**
   * The next `count` bytes (up to 16 KiB), not consumed; undefined if the peer has closed at this point. Valid
   * until the next call.
   * @throws MultifdError `peer-closed` if the connection breaks or ends inside them.
   */
  async peek(count: number): Promise<Uint8Array | undefined> {
    this.#staging.makeRoom(count);
    while (this.#staging.length < count) {
      if (!(await this.#more())) {
        if (this.#staging.length === 0) return undefined;
        throw this.#cut(`${count} bytes`, this.#staging.length);
      }
    }
    return this.#staging.peek(count);
  }

  /** Whatever has come, at least one byte, consumed; undefined at the peer's end. Valid until the next call. */
  async some(): Promise<Uint8Array | undefined> {
    if ((await this.peek(1)) === undefined) return undefined;
    const bytes = this.#staging.peek(this.#staging.length);
    this.#staging.skip(bytes.length);
    return bytes;
  }

  /** Consumes bytes that `peek` has shown. */
  skip(count: number): void {
    this.#staging.skip(count);
  }

  /** Fills all of `target`, without a copy but for what is staged already. @throws as `peek`. */
  async read(target: Uint8Array): Promise<void> {
    if (this.#staging.begin(target)) return;
    for (let left = this.#staging.wanted; left !== undefined; left = this.#staging.wanted) {
      if (!(await this.#more())) throw this.#cut(`${target.length} bytes`, target.length - left);
    }
  }

  /**
   * Waits for `work`, which is not about this connection, and notices meanwhile what becomes of it. What comes is staged,
   * as far as there is room: behind more than that an end is not seen. The connection's only reader calls this.
   * @param onEnd called at once when the peer closes.
   * @throws MultifdError `peer-closed` at once if it breaks; then `work` is left alone.
   */
  async watched<T>(work: Promise<T>, onEnd: () => void): Promise<T> {
    // Node must not read beside a blocking reader: it keeps a place in the staging buffer for what comes next, which the
    // other one fills meanwhile. Such a connection is looked at by its next read only.
    if (this.#blocking !== undefined) return work;
    if (this.#failure !== undefined) {
      work.catch(() => {});
      throw this.#failure;
    }
    if (this.#ended) {
      onEnd();
      return work;
    }
    const broken = new Promise<never>((_, reject) => {
      this.#waiting = () => {
        if (this.#failure !== undefined) reject(this.#failure);
      };
    });
    this.#onEnd = onEnd;
    if (!this.#staging.overflows) this.#bytes.resume();
    try {
      return await Promise.race([work, broken]);
    } finally {
      this.#onEnd = undefined;
      this.#waiting = undefined;
    }
  }

  /** Reads and drops everything until the peer closes. Never throws. */
  async drain(): Promise<void> {
    try {
      while ((await this.some()) !== undefined);
    } catch {
      // A connection that is over may end as it likes.
    }
  }

  /** Sends a few bytes back (return path). Does nothing behind the last word (`leave`). */
  write(bytes: Uint8Array): void {
    if (!this.#leaving) this.#bytes.socket.write(bytes);
  }

  /** Bytes written that the kernel has not taken yet. */
  get unsent(): number {
    return this.#bytes.socket.writableLength;
  }

  /** Closes after what was written has left. */
  end(): void {
    this.#bytes.socket.end();
  }

  /**
   * Says `word` and closes this direction. What comes is dropped from now on, until the peer has closed too: a connection
   * that is closed with bytes unread is reset, and the reset may overtake the word. Drops the connection then; pending and
   * later reads fail with `error`. Not for a connection that blocks. Never throws.
   * @param patience ms that the peer may take to close.
   */
  async leave(word: Uint8Array, patience: number, error: MultifdError): Promise<void> {
    const { socket } = this.#bytes;
    this.#leaving = true;
    this.#fail(error);
    if (!socket.destroyed) {
      const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()));
      const timer = setTimeout(() => socket.destroy(), patience);
      socket.end(word);
      this.#bytes.resume();
      await closed;
      clearTimeout(timer);
    }
    this.destroy();
  }

  /** Drops the connection at once; a pending read fails with `error`. May be called twice. */
  destroy(error?: MultifdError): void {
    if (error !== undefined) this.#fail(error);
    this.#blocking?.close();
    this.#blocking = undefined;
    this.#bytes.socket.destroy();
  }

  target(): Uint8Array {
    if (this.#leaving) return new Uint8Array(STAGING_SIZE);
    // What `some` has given may still be looked at while `watched` reads on.
    if (this.#staging.wanted === undefined && this.#onEnd === undefined) this.#staging.rewind();
    return this.#staging.target();
  }

  deliver(bytes: Uint8Array): boolean {
    if (this.#leaving) return true;
    this.#counters?.addBytes(bytes.length);
    this.#staging.deliver(bytes);
    if (this.#onEnd !== undefined) return !this.#staging.overflows;
    const wanted = this.#staging.wanted !== undefined;
    if (!wanted) this.#wake();
    return wanted;
  }

  /** Waits until something has come or ended: the caller looks again. False if nothing will come any more. */
  async #more(): Promise<boolean> {
    if (this.#failure !== undefined) throw this.#failure;
    this.#staging.rewind();
    if (this.#staging.takeOverflow()) return true;
    if (this.#ended) return false;
    this.#counters?.awaitsBytes(true);
    try {
      return this.#blocking === undefined ? await this.#arrival() : this.#receive(this.#blocking);
    } finally {
      this.#counters?.awaitsBytes(false);
    }
  }

  async #arrival(): Promise<boolean> {
    await new Promise<void>((resolve) => {
      this.#waiting = resolve;
      this.#bytes.resume();
    });
    if (this.#failure !== undefined) throw this.#failure;
    return true;
  }

  /** Blocks until something has come. Staging takes what lies behind a pending read, so that one call does both. */
  #receive(blocking: BlockingSocket): boolean {
    let count: number;
    try {
      count = blocking.receive(this.#staging.targets(), Number.POSITIVE_INFINITY);
    } catch (cause) {
      this.#fail(this.#broke(cause));
      throw this.#failure;
    }
    this.#counters?.addBytes(count);
    if (count === 0) this.#ended = true;
    this.#staging.filled(count);
    return count > 0;
  }

  #broke(cause: unknown): MultifdError {
    const error = MultifdError.from(cause, 'io', this.where);
    return new MultifdError(error.code, `${this.where}: ${error.message}`, {
      cause,
      ...(error.hint === undefined ? {} : { hint: error.hint }),
    });
  }

  #cut(expected: string, got: number): MultifdError {
    return new MultifdError(
      'peer-closed',
      `${this.where}: the source closed it after ${got} of ${expected}`,
      {
        hint: "see the source's own message",
      },
    );
  }

  #fail(error: MultifdError): void {
    this.#failure ??= error;
    this.#wake();
  }

  #wake(): void {
    const waiting = this.#waiting;
    this.#waiting = undefined;
    waiting?.();
  }
}
