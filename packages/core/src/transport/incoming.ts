import type { Socket } from 'node:net';
import { MultifdError } from '../errors.js';
import type { CounterRow } from '../thread/counters.js';
import { adoptSocket, type BytesConsumer, type SocketBytes, streamSocket } from './socket-bytes.js';
import type { BlockingSocket, SocketIo } from './socket-io.js';

/**
 * Bytes of the staging buffer: a dozen packets of zero pages. Small, since payload that lands in it is copied
 * once more.
 */
const STAGING_SIZE = 16 * 1024;

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
  readonly #staging = new Uint8Array(STAGING_SIZE);
  #start = 0;
  #end = 0;
  /** Bytes that were read before this began. */
  readonly #head: number;
  /** Memory that a pending `read` still has to fill. */
  #direct: Uint8Array | undefined;
  /** Node's own buffers (`streamSocket`) that did not fit, in order. */
  #overflow: Uint8Array[] = [];
  readonly #bytes: SocketBytes;
  #blocking: BlockingSocket | undefined;
  #counters: CounterRow | undefined;
  #ended = false;
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
    this.#staging.set(head);
    this.#end = head.length;
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
    if (this.#start + count > STAGING_SIZE) {
      this.#staging.copyWithin(0, this.#start, this.#end);
      this.#end -= this.#start;
      this.#start = 0;
    }
    while (this.#end - this.#start < count) {
      if (!(await this.#more())) {
        if (this.#end === this.#start) return undefined;
        throw this.#cut(`${count} bytes`, this.#end - this.#start);
      }
    }
    return this.#staging.subarray(this.#start, this.#start + count);
  }

  /** Whatever has come, at least one byte, consumed; undefined at the peer's end. Valid until the next call. */
  async some(): Promise<Uint8Array | undefined> {
    if ((await this.peek(1)) === undefined) return undefined;
    const bytes = this.#staging.subarray(this.#start, this.#end);
    this.#start = this.#end;
    return bytes;
  }

  /** Consumes bytes that `peek` has shown. */
  skip(count: number): void {
    this.#start += count;
  }

  /** Fills all of `target`, without a copy but for what is staged already. @throws as `peek`. */
  async read(target: Uint8Array): Promise<void> {
    const staged = Math.min(target.length, this.#end - this.#start);
    target.set(this.#staging.subarray(this.#start, this.#start + staged));
    this.#start += staged;
    if (staged === target.length) return;
    this.#direct = target.subarray(staged);
    while (this.#direct !== undefined) {
      if (!(await this.#more()))
        throw this.#cut(`${target.length} bytes`, target.length - this.#direct.length);
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
    if (this.#hasRoom) this.#bytes.resume();
    try {
      return await Promise.race([work, broken]);
    } finally {
      this.#onEnd = undefined;
      this.#waiting = undefined;
    }
  }

  get #hasRoom(): boolean {
    return this.#overflow.length === 0;
  }

  /** Reads and drops everything until the peer closes. Never throws. */
  async drain(): Promise<void> {
    try {
      while ((await this.some()) !== undefined);
    } catch {
      // A connection that is over may end as it likes.
    }
  }

  /** Sends a few bytes back (return path). */
  write(bytes: Uint8Array): void {
    this.#bytes.socket.write(bytes);
  }

  /** Bytes written that the kernel has not taken yet. */
  get unsent(): number {
    return this.#bytes.socket.writableLength;
  }

  /** Closes after what was written has left. */
  end(): void {
    this.#bytes.socket.end();
  }

  /** Drops the connection at once; a pending read fails with `error`. May be called twice. */
  destroy(error?: MultifdError): void {
    if (error !== undefined) this.#fail(error);
    this.#blocking?.close();
    this.#blocking = undefined;
    this.#bytes.socket.destroy();
  }

  target(): Uint8Array {
    if (this.#direct !== undefined && this.#start === this.#end) return this.#direct;
    // What `some` has given may still be looked at while `watched` reads on.
    if (this.#start === this.#end && this.#onEnd === undefined) {
      this.#start = 0;
      this.#end = 0;
    }
    // Never empty: a full staging buffer means that nobody waits, and then the socket is paused.
    return this.#end < STAGING_SIZE ? this.#staging.subarray(this.#end) : new Uint8Array(STAGING_SIZE);
  }

  deliver(bytes: Uint8Array): boolean {
    this.#counters?.addBytes(bytes.length);
    if (this.#overflow.length > 0) this.#overflow.push(bytes);
    else this.#place(bytes);
    if (this.#onEnd !== undefined) return this.#hasRoom;
    const wanted = this.#direct !== undefined;
    if (!wanted) this.#wake();
    return wanted;
  }

  /** Puts bytes where they belong: into a pending read, then into staging, then aside. */
  #place(bytes: Uint8Array): void {
    let rest = bytes;
    const direct = this.#direct;
    if (direct !== undefined) {
      const taken = Math.min(direct.length, rest.length);
      const inPlace = rest.buffer === direct.buffer && rest.byteOffset === direct.byteOffset;
      if (!inPlace) direct.set(rest.subarray(0, taken));
      this.#direct = taken === direct.length ? undefined : direct.subarray(taken);
      rest = rest.subarray(taken);
    }
    if (rest.length === 0) return;
    const room = STAGING_SIZE - this.#end;
    const staged = rest.subarray(0, room);
    const inPlace =
      staged.buffer === this.#staging.buffer && staged.byteOffset === this.#staging.byteOffset + this.#end;
    if (!inPlace) this.#staging.set(staged, this.#end);
    this.#end += staged.length;
    if (rest.length > room) this.#overflow.push(rest.subarray(room));
  }

  /** Waits until something has come or ended: the caller looks again. False if nothing will come any more. */
  async #more(): Promise<boolean> {
    if (this.#failure !== undefined) throw this.#failure;
    if (this.#start === this.#end) {
      this.#start = 0;
      this.#end = 0;
    }
    if (this.#overflow.length > 0) {
      const waiting = this.#overflow;
      this.#overflow = [];
      for (const bytes of waiting) this.#place(bytes);
      return true;
    }
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
    const direct = this.#direct;
    const staging = this.#staging.subarray(this.#end);
    let count: number;
    try {
      count = blocking.receive(
        direct === undefined ? [staging] : [direct, staging],
        Number.POSITIVE_INFINITY,
      );
    } catch (cause) {
      this.#fail(this.#broke(cause));
      throw this.#failure;
    }
    this.#counters?.addBytes(count);
    if (count === 0) this.#ended = true;
    const read = Math.min(direct?.length ?? 0, count);
    if (direct !== undefined) this.#direct = read === direct.length ? undefined : direct.subarray(read);
    this.#end += count - read;
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
