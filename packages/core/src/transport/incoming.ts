import type { MultifdError } from '../errors.js';
import type { CounterRow } from '../thread/counters.js';
import type { ThreadJobs } from '../thread/port.js';
import { breakOff, endBoth } from './break-off.js';
import type { ByteStream } from './byte-stream.js';
import { broken, closed, cutShort, named } from './incoming-errors.js';
import { KEEP_ALIVE } from './keep-alive.js';
import { limitQueues, type QueueUsers } from './queue-limits.js';
import { BlockingReceiver, type Receiving, receivingOn } from './receiving.js';
import { adoptSocket, type BytesConsumer, type SocketBytes, streamSocket } from './socket-bytes.js';
import type { SocketIo } from './socket-io.js';
import { STAGING_SIZE, Staging } from './staging.js';
import { takeOverTls } from './tls/take-over.js';

/**
 * The receiving half of a connection. Packets and records are parsed in a small staging buffer; payload goes straight
 * to its final memory. The only place on the destination that reads from a socket. One reader at a time.
 */
export class IncomingConnection implements BytesConsumer {
  /** Name for messages; it changes once the peer has introduced itself. */
  where: string;
  readonly #staging: Staging;
  /** Bytes that were read from the socket before this object existed. */
  readonly #head: number;
  readonly #bytes: SocketBytes;
  #blocking: Receiving | undefined;
  #counters: CounterRow | undefined;
  #ended = false;
  /** `leave` has sent the last bytes: incoming bytes are dropped from now on. */
  #leaving = false;
  #failure: MultifdError | undefined;
  #waiting: (() => void) | undefined;
  /** Set while the thread waits for something else (`watched`): called when the peer closes. */
  #onEnd: (() => void) | undefined;

  /**
   * @param options `head`: bytes that were read from the socket before, at most 16 KiB; copied. `adopt` false: use
   *   Node's documented API only (see `adoptSocket`).
   */
  constructor(
    accepted: ByteStream,
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
    socket.on('error', (cause) => this.#fail(broken(this.where, cause)));
    socket.on('close', () => {
      if (!this.#ended) this.#fail(closed(this.where));
    });
  }

  /** Counts bytes into `counters` from now on, and adds those that have arrived already. */
  countIn(counters: CounterRow): void {
    this.#counters = counters;
    counters.addBytes(this.#head + this.#bytes.socket.bytesRead);
  }

  /**
   * From now on a read blocks this thread while it waits for bytes, if `io` can open the socket. Only firing the
   * interrupt ends such a wait from outside. In a thread that is shared, the wait is for the sockets of all its jobs.
   */
  block(io: SocketIo, interrupt: number, users: QueueUsers, jobs: ThreadJobs): void {
    const { fd, socket } = this.#bytes;
    if (fd === undefined || this.#ended || this.#failure !== undefined) return;
    const blocking = receivingOn(io, fd, interrupt, jobs, () => !socket.destroyed);
    if (blocking === undefined) return;
    socket.pause();
    this.#blocking = blocking;
    limitQueues(this.#blocking, socket, users);
  }

  /** Of TLS: as `block`, and from now on `io` decrypts, if it can. @returns who does. */
  async decrypt(io: SocketIo, interrupt: number, users: QueueUsers): Promise<'host' | 'node'> {
    if (this.#failure !== undefined) return 'node';
    const { by, secured } = await takeOverTls(this.#bytes.socket, io, interrupt, users);
    if (secured !== undefined) this.#blocking = new BlockingReceiver(secured);
    return by;
  }

  /**
   * Returns the next `count` bytes (up to 16 KiB) without consuming them; undefined if the peer has closed at this
   * point. Valid until the next call.
   * @throws MultifdError `peer-closed` if the connection breaks or ends inside them.
   */
  async peek(count: number): Promise<Uint8Array | undefined> {
    this.#staging.makeRoom(count);
    while (this.#staging.length < count) {
      if (!(await this.#more())) {
        if (this.#staging.length === 0) return undefined;
        throw this.#cutShort(`${count} bytes`, this.#staging.length);
      }
    }
    return this.#staging.peek(count);
  }

  /** As `peek`, of bytes that have arrived already: undefined if it would have to wait. Costs no turn of the event loop. */
  staged(count: number): Uint8Array | undefined {
    return this.#staging.length < count ? undefined : this.#staging.peek(count);
  }

  /** Consumes whatever has arrived, at least one byte; undefined if the peer has closed. Valid until the next call. */
  async some(): Promise<Uint8Array | undefined> {
    if ((await this.peek(1)) === undefined) return undefined;
    const bytes = this.#staging.peek(this.#staging.length);
    this.#staging.skip(bytes.length);
    return bytes;
  }

  /** Consumes bytes that `peek` has returned. */
  skip(count: number): void {
    this.#staging.skip(count);
  }

  /** Fills all of `targets`, in order; copies only what is staged already. @throws as `peek`. */
  async read(targets: readonly Uint8Array[]): Promise<void> {
    if (this.#staging.begin(targets)) return;
    while (this.#staging.wanted !== undefined) {
      if (await this.#more()) continue;
      const bytes = targets.reduce((sum, { length }) => sum + length, 0);
      throw this.#cutShort(`${bytes} bytes`, bytes - (this.#staging.wanted ?? 0));
    }
  }

  /**
   * Waits for `work`, which does not use this connection, and watches the connection meanwhile. Arriving bytes are
   * staged while there is room; an end behind more bytes than that goes unseen. For the connection's reader alone.
   * @param onEnd called at once when the peer closes.
   * @throws MultifdError `peer-closed` at once if the connection breaks; `work` then runs on.
   */
  async watched<T>(work: Promise<T>, onEnd: () => void): Promise<T> {
    // Node must not read at the same time as a blocking reader: it holds a position in the staging buffer that the
    // blocking reader fills meanwhile. On such a connection only the next read notices an end.
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
      // The connection is done with: how it ends does not matter.
    }
  }

  /** Sends a few bytes back (return path). Does nothing after `leave`. */
  write(bytes: Uint8Array): void {
    if (!this.#leaving) this.#bytes.socket.write(bytes);
  }

  /** Bytes written that the kernel has not taken yet. */
  get unsent(): number {
    return this.#bytes.socket.writableLength;
  }

  /** Of TLS: resolves when this thread knows what had arrived by now. */
  async caughtUp(): Promise<void> {
    await this.#bytes.socket.caughtUp?.();
  }

  /** Of main: this direction stays open when the peer has ended its own, until `end`: how it ends is an answer. TLS is Node's. */
  keepOpen(): void {
    this.#bytes.socket.allowHalfOpen = true;
    this.#bytes.socket.stays?.();
  }

  /** Closes this direction once everything written has been sent. */
  end(): void {
    this.#bytes.socket.end();
  }

  /**
   * Sends `word`, closes this direction, and reads and drops incoming bytes until the peer closes too: closing with
   * unread bytes resets the connection, and the reset may overtake `word`. Then drops the connection. Pending and
   * later reads fail with `error`. A blocking connection is read by Node again. Never throws.
   * @param patience ms that the peer may take to close.
   */
  async leave(word: Uint8Array, patience: number, error: MultifdError): Promise<void> {
    this.#leaving = true;
    this.#fail(error);
    this.#blocking?.close();
    this.#blocking = undefined;
    await endBoth(this.#bytes, word, patience);
    this.destroy();
  }

  /** Drops the connection at once; a pending read fails with `error`. @param breaks the peer shall see that it failed. */
  destroy(error?: MultifdError, breaks = false): void {
    if (error !== undefined) this.#fail(error);
    this.#blocking?.close();
    this.#blocking = undefined;
    if (breaks) breakOff(this.#bytes.socket);
    this.#bytes.socket.destroy();
  }

  target(): Uint8Array {
    if (this.#leaving) return new Uint8Array(STAGING_SIZE);
    // The caller may still read what `some` returned while `watched` reads on.
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

  /** Waits for bytes or the peer's end; the caller checks again. False if the peer has closed. */
  async #more(): Promise<boolean> {
    if (this.#failure !== undefined) throw this.#failure;
    this.#staging.rewind();
    if (this.#staging.takeOverflow()) return true;
    if (this.#ended) return false;
    this.#counters?.awaitsBytes(true);
    try {
      return this.#blocking === undefined ? await this.#arrival() : await this.#receive(this.#blocking);
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

  /** Waits until enough has come. One call fills a pending read, and the staging buffer with what follows. */
  async #receive(by: Receiving): Promise<boolean> {
    try {
      this.#ended = !(await by.receive({
        targets: () => this.#staging.targets(),
        filled: (count) => {
          this.#counters?.addBytes(count);
          this.#staging.filled(count);
          return this.#staging.wanted === undefined;
        },
      }));
      return !this.#ended;
    } catch (cause) {
      this.#fail(named(this.where, cause));
      throw this.#failure;
    }
  }

  #cutShort(expected: string, got: number): MultifdError {
    return cutShort(this.where, expected, got, (this.#blocking ?? this.#bytes.socket).isCut === true);
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
