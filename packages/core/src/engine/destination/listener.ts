import { connect, createServer, type Server, type Socket } from 'node:net';
import { pipeline } from 'node:stream';
import { MultifdError } from '../../errors.js';
import { type Address, formatAddress } from '../address.js';

/** ms after which a connection to the bridge that nobody has claimed is a stranger's. */
const CLAIM_TIMEOUT = 1_000;

/** A connection that nobody has read from, good for posting to another thread. */
export type OnConnection = (socket: Socket, peer: string) => void;

/**
 * Listens for the source. Only TCP sockets can be posted to another thread, so a connection to a unix socket is
 * carried on over a loopback TCP pair, which costs one more hop.
 */
export class Listener {
  readonly #servers: Server[] = [];
  readonly #pipes = new Set<Socket>();
  /** Inner ends that were handed over. */
  readonly #claimed = new WeakSet<Socket>();
  #address: Address | undefined;

  /** @throws MultifdError `io` if it cannot listen there. */
  static async open(address: Address, onConnection: OnConnection): Promise<Listener> {
    const listener = new Listener();
    try {
      await listener.#open(address, onConnection);
    } catch (error) {
      listener.close();
      throw error;
    }
    return listener;
  }

  async #open(address: Address, onConnection: OnConnection): Promise<void> {
    if (address.kind === 'tcp') {
      const server = createServer({ pauseOnConnect: true, noDelay: true }, (socket) =>
        onConnection(socket, peerOf(socket)),
      );
      this.#address = { kind: 'tcp', host: address.host, port: await this.#listen(server, address) };
      return;
    }
    const bridge = createServer({ pauseOnConnect: true, noDelay: true }, (inner) => {
      // Whose other end is not ours is a stranger; our own ends are claimed at once.
      setTimeout(() => {
        if (!this.#claimed.delete(inner)) inner.destroy();
      }, CLAIM_TIMEOUT).unref();
    });
    const port = await this.#listen(bridge, { kind: 'tcp', host: '127.0.0.1', port: 0 });
    const server = createServer({ pauseOnConnect: true }, (socket) =>
      this.#carryOn(socket, bridge, port, (inner) => onConnection(inner, formatAddress(address))),
    );
    await this.#listen(server, address);
    this.#address = address;
  }

  /** Where it really listens. */
  get address(): Address {
    if (this.#address === undefined) throw new MultifdError('internal', 'the listener is not open');
    return this.#address;
  }

  /** No more connections. Those that were handed over live on. */
  stopListening(): void {
    for (const server of this.#servers) server.close();
  }

  /** Stops listening and drops what it carries. */
  close(): void {
    this.stopListening();
    for (const socket of this.#pipes) socket.destroy();
  }

  #listen(server: Server, address: Address): Promise<number> {
    this.#servers.push(server);
    return new Promise((resolve, reject) => {
      server.once('error', (cause) => {
        reject(
          new MultifdError('io', `cannot listen on ${formatAddress(address)}: ${cause.message}`, {
            cause,
            hint: 'choose another address, or end the program that listens there',
          }),
        );
      });
      server.listen(
        address.kind === 'tcp' ? { host: address.host, port: address.port } : { path: address.path },
        () => {
          const bound = server.address();
          resolve(bound !== null && typeof bound === 'object' ? bound.port : 0);
        },
      );
    });
  }

  /** Joins a unix connection to one end of a new TCP pair, and hands over the other end. */
  #carryOn(socket: Socket, bridge: Server, port: number, onInner: (inner: Socket) => void): void {
    const outer = connect({ host: '127.0.0.1', port, noDelay: true });
    const drop = (): void => {
      socket.destroy();
      outer.destroy();
      bridge.removeListener('connection', onBridge);
      this.#pipes.delete(socket);
    };
    const onBridge = (inner: Socket): void => {
      // Another program may have found the bridge's port: only our own end counts.
      if (inner.remotePort !== outer.localPort) return;
      bridge.removeListener('connection', onBridge);
      this.#claimed.add(inner);
      onInner(inner);
      pipeline(socket, outer, socket, drop);
    };
    this.#pipes.add(socket);
    bridge.on('connection', onBridge);
    socket.on('error', drop);
    outer.on('error', drop);
  }
}

function peerOf(socket: Socket): string {
  const { remoteAddress, remotePort } = socket;
  return remoteAddress === undefined || remotePort === undefined
    ? 'a closed connection'
    : `${remoteAddress}:${remotePort}`;
}
