import type { ByteStream } from '../../transport/byte-stream.js';

/** ms that a source may take to close a connection after it was told why. */
const LEAVING = 500;
/** Number of connections that may be leaving at a time: more are dropped without a word. */
const MOST = 16;

/**
 * Connections that are refused in the API thread and whose source wants to know why. Each gets the reason; what it
 * still sends is dropped until it closes, since a reset, which unread bytes would cause, may overtake the reason.
 */
export class Dismissals {
  readonly #all = new Map<ByteStream, Promise<void>>();

  /** @param word the last bytes to the source. */
  add(socket: ByteStream, word: Uint8Array): void {
    if (socket.destroyed || this.#all.size >= MOST) {
      socket.destroy();
      return;
    }
    const timer = setTimeout(() => socket.destroy(), LEAVING);
    const closed = new Promise<void>((resolve) => {
      socket.once('close', () => {
        clearTimeout(timer);
        this.#all.delete(socket);
        resolve();
      });
    });
    this.#all.set(socket, closed);
    // Of a `StreamLook`: with it, nothing would flow.
    socket.removeAllListeners('readable');
    socket.end(word);
    socket.resume();
  }

  /** Fulfilled when all are closed: within 500 ms. */
  async over(): Promise<void> {
    await Promise.all(this.#all.values());
  }

  /** Drops all. */
  drop(): void {
    for (const socket of this.#all.keys()) socket.destroy();
  }
}
