import { createServer, type Server, type Socket } from 'node:net';
import { MultifdError } from '../errors.js';
import { type Address, formatAddress } from './address.js';
import { Bridge } from './bridge.js';
import { canPostSockets, type Handover } from './handover.js';
import { socketFd } from './socket-bytes.js';
import { listenError, systemCode } from './socket-errors.js';
import { removeStaleSocket } from './stale-socket.js';

/** Listen backlog. Large, so that a burst of other connections does not make the source wait for a retry. */
const BACKLOG = 4096;

/** An accepted connection, unread. */
export interface Accepted {
  readonly socket: Socket;
  /** For messages. */
  readonly peer: string;
  /** The peer's host: its address without the port. */
  readonly host: string;
  /** Its file descriptor, where Node exposes one. */
  readonly descriptor: number | undefined;
  /**
   * Returns what another thread needs to take the connection over, without the bytes that were read from it.
   * @param untouched Node's stream has read nothing from it.
   */
  handOver(untouched: boolean): Promise<Handover>;
}

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

  /** @throws MultifdError as `listenError` if it cannot listen there. */
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
    if (address.kind === 'unix') {
      this.#bridge = new Bridge();
      await this.#bridge.ready();
    }
    const server = createServer({ pauseOnConnect: true, noDelay: address.kind === 'tcp' }, (socket) =>
      onConnection(this.#accepted(socket, address)),
    );
    this.#server = server;
    const port = await listenOrReplace(server, address);
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
    return {
      socket,
      peer: isTcp
        ? remoteAddress === undefined || remotePort === undefined
          ? closed
          : `${remoteAddress}:${remotePort}`
        : formatAddress(address),
      host: isTcp ? (remoteAddress ?? closed) : 'unix',
      descriptor: socketFd(socket),
      handOver: async (untouched) => {
        if (isTcp && untouched && canPost()) return { type: 'socket', socket };
        this.#bridge ??= new Bridge();
        return this.#bridge.carry(socket);
      },
    };
  }
}

/** Listens; replaces a unix socket whose owner died, as its file outlives the process. */
async function listenOrReplace(server: Server, address: Address): Promise<number> {
  try {
    return await listen(server, address);
  } catch (error) {
    const isInUse = MultifdError.is(error) && systemCode(error.cause) === 'EADDRINUSE';
    if (!isInUse || address.kind !== 'unix') throw error;
    await removeStaleSocket(address.path).catch((failure: unknown) => {
      throw MultifdError.is(failure) ? failure : listenError(address, failure);
    });
    return listen(server, address);
  }
}

function listen(server: Server, address: Address): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', (cause) => reject(listenError(address, cause)));
    const place =
      address.kind === 'tcp' ? { host: address.host, port: address.port } : { path: address.path };
    server.listen({ ...place, backlog: BACKLOG }, () => {
      const bound = server.address();
      resolve(bound !== null && typeof bound === 'object' ? bound.port : 0);
    });
  });
}
