import type { Socket } from 'node:net';
import { Duplex } from 'node:stream';
import { socketFd } from '../socket-bytes.js';

/** Encrypted bytes that wait for TLS before this stops reading. */
const HIGH_WATER = 512 * 1024;
/** More than a client writes in a handshake: then it does something else. */
const LONGEST_HANDSHAKE = 1024 * 1024;

/**
 * The encrypted side of an outgoing connection: between the socket and Node's TLS, so that every byte that Node's TLS writes
 * passes here. Once somebody else encrypts (`leave`), none passes any more: a record of Node's under the same keys would be a
 * nonce twice, and Node's TLS writes by itself, to answer an alert, the end of the other direction, or new keys.
 */
export class ClientSide extends Duplex {
  readonly #socket: Socket;
  /** All that TLS has written; undefined: it is not kept. */
  #sent: Buffer[] | undefined = [];
  #sentBytes = 0;
  /** Writes that the kernel has not taken yet. */
  #pending = 0;
  #ended = false;
  #left = false;
  readonly #onData = (chunk: Buffer): void => {
    if (!this.push(chunk)) this.#socket.pause();
  };
  readonly #onEnd = (): void => {
    this.#ended = true;
    this.push(null);
  };
  readonly #onError = (cause: Error): void => void this.destroy(cause);
  readonly #onClose = (): void => void this.destroy();

  /** @param socket connected, and not read yet. */
  constructor(socket: Socket) {
    super({ allowHalfOpen: true, highWaterMark: HIGH_WATER });
    this.#socket = socket;
    // TLS ends the other direction itself, with a word.
    socket.allowHalfOpen = true;
    socket.on('data', this.#onData);
    socket.on('end', this.#onEnd);
    socket.on('error', this.#onError);
    socket.on('close', this.#onClose);
  }

  /**
   * From now on TLS writes nothing to the socket, and reads nothing from it: whoever destroys this does not touch the socket.
   * @param isFit told all that TLS has written to the socket.
   * @returns the socket, which is the caller's then, and its descriptor; undefined if somebody else cannot go on: then nothing
   *   has changed.
   */
  leave(isFit: (sent: Buffer) => boolean): { readonly socket: Socket; readonly fd: number } | undefined {
    const socket = this.#socket;
    const sent = this.#sent;
    const fd = socket.destroyed || this.destroyed || this.#ended ? undefined : socketFd(socket);
    if (fd === undefined || sent === undefined || this.#pending > 0 || this.#left) return undefined;
    if (!isFit(Buffer.concat(sent))) return undefined;
    this.#left = true;
    this.#sent = undefined;
    socket.off('data', this.#onData);
    socket.off('end', this.#onEnd);
    socket.off('error', this.#onError);
    socket.off('close', this.#onClose);
    socket.allowHalfOpen = false;
    return { socket, fd };
  }

  /** Nobody will take over. */
  forget(): void {
    this.#sent = undefined;
  }

  #keep(bytes: Buffer): void {
    this.#sentBytes += bytes.length;
    if (this.#sentBytes > LONGEST_HANDSHAKE) this.forget();
    this.#sent?.push(Buffer.from(bytes));
  }

  override _read(): void {
    if (!this.#left) this.#socket.resume();
  }

  override _write(bytes: Buffer, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    if (this.#left) {
      done();
      return;
    }
    this.#keep(bytes);
    this.#pending += 1;
    this.#socket.write(bytes, (error) => {
      this.#pending -= 1;
      done(error);
    });
  }

  override _final(done: (error?: Error | null) => void): void {
    if (this.#left) done();
    else this.#socket.end(() => done());
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    if (!this.#left) this.#socket.destroy();
    done(error);
  }
}
