import { createServer, type Server, type Socket } from 'node:net';
import { MultifdError } from '../errors.js';
import { type Accepted, AcceptedSocket, AcceptedTls } from './accepted.js';
import { type Address, formatAddress } from './address.js';
import { Bridge } from './bridge.js';
import { canPostSockets } from './handover.js';
import { listenAt } from './listen-at.js';
import { socketFd } from './socket-bytes.js';
import type { TlsAcceptor } from './tls/acceptor.js';

export type OnConnection = (accepted: Accepted) => void;

let posts: boolean | undefined;
/** Asked once, in the first migration. */
function canPost(): boolean {
  posts ??= canPostSockets();
  return posts;
}

/** Listens for the source. Node can post only TCP sockets to another thread, an older one none: others go over a `Bridge`. */
export class Listener {
  #server: Server | undefined;
  #bridge: Bridge | undefined;
  #address: Address | undefined;

  readonly #tls: TlsAcceptor | undefined;

  private constructor(tls: TlsAcceptor | undefined) {
    this.#tls = tls;
  }

  /**
   * @param tls ends TLS on every connection; the caller closes it. Undefined: no TLS.
   * @throws MultifdError as `listenError` if it cannot listen there.
   */
  static async open(address: Address, onConnection: OnConnection, tls?: TlsAcceptor): Promise<Listener> {
    const listener = new Listener(tls);
    try {
      await listener.#open(address, onConnection);
    } catch (error) {
      listener.close();
      throw error;
    }
    return listener;
  }

  async #open(address: Address, onConnection: OnConnection): Promise<void> {
    if (address.kind === 'unix' && this.#tls === undefined) {
      this.#bridge = new Bridge();
      await this.#bridge.ready();
    }
    const server = createServer({ pauseOnConnect: true, noDelay: address.kind === 'tcp' }, (socket) =>
      onConnection(this.#accepted(socket, address)),
    );
    this.#server = server;
    const port = await listenAt(server, address);
    this.#address = address.kind === 'tcp' ? { ...address, port } : address;
  }

  /** The address it listens on, with the real port where port 0 was asked for. */
  get address(): Address {
    if (this.#address === undefined) throw new MultifdError('internal', 'the listener is not open');
    return this.#address;
  }

  /** Accepts no more connections. Those that were handed over stay open. */
  stopListening(): void {
    this.#server?.close();
    this.#bridge?.stopListening();
  }

  /** Stops listening and drops the connections that its bridge carries. */
  close(): void {
    this.stopListening();
    this.#bridge?.close();
  }

  #accepted(socket: Socket, address: Address): Accepted {
    const { remoteAddress, remotePort } = socket;
    const isTcp = address.kind === 'tcp';
    const closed = 'a closed connection';
    const caller = {
      peer: isTcp
        ? remoteAddress === undefined || remotePort === undefined
          ? closed
          : `${remoteAddress}:${remotePort}`
        : formatAddress(address),
      host: isTcp ? (remoteAddress ?? closed) : 'unix',
      descriptor: socketFd(socket),
    };
    const posts = isTcp && canPost();
    if (this.#tls !== undefined) return new AcceptedTls(this.#tls.accept(socket, posts), caller);
    return new AcceptedSocket(socket, caller, posts, () => {
      this.#bridge ??= new Bridge();
      return this.#bridge;
    });
  }
}
