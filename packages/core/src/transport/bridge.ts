import { connect, createServer, type Server, type Socket } from 'node:net';
import { pipeline } from 'node:stream';
import { MultifdError } from '../errors.js';

/** ms after which the bridge drops a connection that is not the other end of one of its pairs. */
const CLAIM_TIMEOUT = 1_000;

/**
 * Carries sockets that Node cannot post to another thread (unix sockets, and sockets that Node's stream has read
 * from) over loopback TCP pairs, whose inner ends it can post. Costs one more hop.
 */
export class Bridge {
  readonly #server: Server;
  readonly #port: Promise<number>;
  readonly #pipes = new Set<Socket>();
  /** Inner ends that are ours and handed over. */
  readonly #claimed = new WeakSet<Socket>();

  constructor() {
    this.#server = createServer({ pauseOnConnect: true, noDelay: true }, (inner) => {
      // We claim our own ends at once: one that stays unclaimed comes from another program.
      setTimeout(() => {
        if (!this.#claimed.delete(inner)) inner.destroy();
      }, CLAIM_TIMEOUT).unref();
    });
    // One listener for each connection that is being carried.
    this.#server.setMaxListeners(0);
    this.#port = new Promise((resolve, reject) => {
      this.#server.once('error', (cause) =>
        reject(new MultifdError('io', `cannot listen on loopback: ${cause.message}`, { cause })),
      );
      this.#server.listen({ host: '127.0.0.1', port: 0 }, () => {
        const bound = this.#server.address();
        resolve(bound !== null && typeof bound === 'object' ? bound.port : 0);
      });
    });
    this.#port.catch(() => {});
  }

  /** Waits until the bridge listens. @throws MultifdError `io` if it cannot. */
  async ready(): Promise<void> {
    await this.#port;
  }

  /**
   * Returns the inner end of a new pair, which carries the unread bytes of `socket`.
   * @throws Error if that is closed.
   */
  async carry(socket: Socket): Promise<Socket> {
    // Each direction ends by itself, as on the socket: a source that keeps main open after we have closed our direction
    // must not look like one that has closed it.
    const options = { noDelay: true, allowHalfOpen: true };
    const outer = connect({ host: '127.0.0.1', port: await this.#port, ...options });
    socket.allowHalfOpen = true;
    return new Promise((resolve, reject) => {
      const drop = (): void => {
        socket.destroy();
        outer.destroy();
        this.#server.removeListener('connection', onInner);
        this.#pipes.delete(socket);
        reject(new MultifdError('peer-closed', 'the connection is closed'));
      };
      const onInner = (inner: Socket): void => {
        // Another program may connect to the bridge's port: accept only our own end.
        if (inner.remotePort !== outer.localPort) return;
        this.#server.removeListener('connection', onInner);
        this.#claimed.add(inner);
        socket.removeAllListeners('readable');
        pipeline(socket, outer, socket, drop);
        resolve(inner);
      };
      this.#pipes.add(socket);
      this.#server.on('connection', onInner);
      socket.on('close', () => this.#pipes.delete(socket));
      outer.on('error', drop);
      if (socket.destroyed) drop();
    });
  }

  /** Accepts no more connections. Pairs that were handed over stay open. */
  stopListening(): void {
    this.#server.close();
  }

  /** Destroys the sockets that it carries. */
  close(): void {
    for (const socket of this.#pipes) socket.destroy();
  }
}
