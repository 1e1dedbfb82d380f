import type { Socket } from 'node:net';
import { Duplex } from 'node:stream';

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

  /**
   * @param first what was read from the socket before.
   * @param onEnd called when the socket has ended; TLS may still have bytes to take.
   */
  constructor(socket: Socket, first: Uint8Array, onEnd: () => void) {
    super({ allowHalfOpen: true, highWaterMark: HIGH_WATER });
    this.#socket = socket;
    this.push(first);
    socket.on('data', (chunk: Buffer) => {
      if (!this.push(chunk)) socket.pause();
    });
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

  override _read(): void {
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
