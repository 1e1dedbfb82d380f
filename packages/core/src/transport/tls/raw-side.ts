import { fstatSync } from 'node:fs';
import type { Socket } from 'node:net';
import { Duplex } from 'node:stream';
import { socketFd, switchReading } from '../socket-bytes.js';

/** Encrypted bytes that are kept for whoever takes over: a connection that gets so far unread has no such taker. */
const KEPT = 8 * 2 ** 20;
/** Encrypted bytes that wait for TLS before this stops reading. */
const HIGH_WATER = 512 * 1024;

/**
 * The encrypted side of a connection: between the socket and Node's TLS. It holds back what TLS sends by itself after
 * the handshake, session tickets, until there is something to tell the source: a QEMU source reads nothing on its
 * channels, nor on main without a return path, and closing a socket with unread bytes resets the connection and loses
 * what is in flight (docs/wire.md, 4.6).
 */
export class RawSide extends Duplex {
  readonly #socket: Socket;
  #held: Buffer[] | undefined;
  #ended = false;
  /** What has come so far; undefined: it is not kept. */
  #kept: Buffer[] | undefined;
  #keptBytes = 0;
  #left = false;
  readonly #onData: (chunk: Buffer) => void;

  /**
   * @param first what was read from the socket before.
   * @param onEnd called when the socket has ended; TLS may still have bytes to take.
   * @param keeps whether `leave` may be called.
   */
  constructor(socket: Socket, first: Buffer, onEnd: () => void, keeps: boolean) {
    super({ allowHalfOpen: true, highWaterMark: HIGH_WATER });
    this.#socket = socket;
    if (keeps) this.#kept = [];
    this.#keep(first);
    this.push(first);
    this.#onData = (chunk) => {
      this.#keep(chunk);
      if (!this.push(chunk)) socket.pause();
    };
    socket.on('data', this.#onData);
    // Not passed on: TLS would take it for close_notify.
    socket.on('end', () => {
      this.#ended = true;
      onEnd();
    });
  }

  /** The socket has ended, and TLS has taken all of its bytes. */
  get isSpent(): boolean {
    return this.#ended && this.readableLength === 0;
  }

  /** From now on nothing leaves until `release`. */
  hold(): void {
    this.#held ??= [];
  }

  /** Sends what was held back. */
  release(): void {
    const held = this.#held;
    this.#held = undefined;
    for (const bytes of held ?? []) this.#socket.write(bytes);
  }

  /** Nobody will take over. */
  forget(): void {
    this.#kept = undefined;
  }

  /**
   * Stops reading for good.
   * @returns descriptor, its inode, and all that has come so far, which TLS need not have taken; undefined if somebody else cannot go
   *   on: then nothing has changed.
   */
  leave(): { readonly fd: number; readonly inode: bigint; readonly received: Uint8Array } | undefined {
    const fd = this.#socket.destroyed ? undefined : socketFd(this.#socket);
    const kept = this.#kept;
    if (kept === undefined || fd === undefined) return undefined;
    this.#left = true;
    this.#socket.off('data', this.#onData);
    this.#socket.pause();
    for (let chunk: unknown = this.#socket.read(); Buffer.isBuffer(chunk); chunk = this.#socket.read()) {
      kept.push(chunk);
    }
    switchReading(this.#socket, false);
    this.#kept = undefined;
    return { fd, inode: fstatSync(fd, { bigint: true }).ino, received: Buffer.concat(kept) };
  }

  /** After `leave`: reads and drops what comes, until the socket ends. */
  drain(): void {
    this.#socket.on('data', () => {});
    this.#socket.resume();
    switchReading(this.#socket, true);
  }

  #keep(bytes: Buffer): void {
    this.#keptBytes += bytes.length;
    if (this.#keptBytes > KEPT) this.forget();
    this.#kept?.push(bytes);
  }

  override _read(): void {
    if (this.#left) return;
    this.#socket.resume();
  }

  override _write(bytes: Buffer, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    if (this.#held === undefined) {
      this.#socket.write(bytes, done);
      return;
    }
    this.#held.push(bytes);
    done();
  }

  override _final(done: (error?: Error | null) => void): void {
    this.#socket.end(() => done());
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.#socket.destroy();
    done(error);
  }
}
