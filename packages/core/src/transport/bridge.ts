import { connect, createServer, type Server, type Socket } from 'node:net';
import { pipeline } from 'node:stream';
import { MultifdError } from '../errors.js';

/** ms after which a connection to the bridge that nobody has claimed is a stranger's. */
const CLAIM_TIMEOUT = 1_000;

/**
 * Carries connections that cannot be posted to another thread over loopback TCP pairs, whose other ends can be: unix
 * sockets, and what Node's stream has read from. It costs one more hop.
 */
export class Bridge {
  readonly #server: Server;
  readonly #port: Promise<number>;
  readonly #pipes = new Set<Socket>();
  /** Inner ends that were handed over. */
  readonly #claimed = new WeakSet<Socket>();

  constructor() {
    this.#server = createServer({ pauseOnConnect: true, noDelay: true }, (inner) => {
      // Whose other end is not ours is a stranger; our own ends are claimed at once.
      setTimeout(() => {
        if (!this.#claimed.delete(inner)) inner.destroy();
      }, CLAIM_TIMEOUT).unref();
    });
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

  /** @throws MultifdError `io` if it cannot listen. */
  async ready(): Promise<void> {
    await this.#port;
  }

  /** The inner end of a new pair, which carries what is not yet read of `socket`. @throws Error if that is gone. */
  async carry(socket: Socket): Promise<Socket> {
    const outer = connect({ host: '127.0.0.1', port: await this.#port, noDelay: true });
    return new Promise((resolve, reject) => {
      const drop = (): void => {
        socket.destroy();
        outer.destroy();
        this.#server.removeListener('connection', onInner);
        this.#pipes.delete(socket);
        reject(new MultifdError('peer-closed', 'the connection is closed'));
      };
      const onInner = (inner: Socket): void => {
        // Another program may have found the bridge's port: only our own end counts.
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

  /** No more connections. Those that were handed over live on. */
  stopListening(): void {
    this.#server.close();
  }

  /** Drops what it carries. */
  close(): void {
    for (const socket of this.#pipes) socket.destroy();
  }
}
