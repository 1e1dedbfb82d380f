import { createServer, type Server, type Socket } from 'node:net';
import { MultifdError } from '../errors.js';
import { type Address, formatAddress } from './address.js';
import { Bridge } from './bridge.js';
import { socketFd } from './socket-bytes.js';
import { removeStaleSocket } from './stale-socket.js';

/** Connections that the kernel keeps until they are taken: a crowd must not keep the source waiting for a second try. */
const BACKLOG = 4096;

/** A connection that nobody has read from. */
export interface Accepted {
  readonly socket: Socket;
  /** For messages. */
  readonly peer: string;
  /** Whose it is: the peer without its port. */
  readonly host: string;
  /** Its file descriptor, where it can be had. */
  readonly descriptor: number | undefined;
  /**
   * The socket, good for posting to another thread, without what was read of it.
   * @param untouched nobody read from it by Node's own means.
   */
  handOver(untouched: boolean): Promise<Socket>;
}

export type OnConnection = (accepted: Accepted) => void;

/** Listens for the source. Only TCP sockets can be posted to another thread: others are carried over a `Bridge`. */
export class Listener {
  #server: Server | undefined;
  #bridge: Bridge | undefined;
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

  /** Where it really listens. */
  get address(): Address {
    if (this.#address === undefined) throw new MultifdError('internal', 'the listener is not open');
    return this.#address;
  }

  /** No more connections. Those that were handed over live on. */
  stopListening(): void {
    this.#server?.close();
    this.#bridge?.stopListening();
  }

  /** Stops listening and drops what it carries. */
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
        if (isTcp && untouched) return socket;
        this.#bridge ??= new Bridge();
        return this.#bridge.carry(socket);
      },
    };
  }
}

/** A unix socket is a file, and stays when its owner dies: then it is in nobody's use. */
async function listenOrReplace(server: Server, address: Address): Promise<number> {
  try {
    return await listen(server, address);
  } catch (error) {
    const cause: unknown = error instanceof Error ? error.cause : undefined;
    const inUse = cause instanceof Error && Reflect.get(cause, 'code') === 'EADDRINUSE';
    if (!inUse || address.kind !== 'unix') throw error;
    await removeStaleSocket(address.path).catch((failure: unknown) => {
      throw MultifdError.from(failure, 'io', `cannot listen on ${formatAddress(address)}`);
    });
    return listen(server, address);
  }
}

function listen(server: Server, address: Address): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', (cause) => {
      reject(
        new MultifdError('io', `cannot listen on ${formatAddress(address)}: ${cause.message}`, {
          cause,
          hint: 'choose another address, or end the program that listens there',
        }),
      );
    });
    const place =
      address.kind === 'tcp' ? { host: address.host, port: address.port } : { path: address.path };
    server.listen({ ...place, backlog: BACKLOG }, () => {
      const bound = server.address();
      resolve(bound !== null && typeof bound === 'object' ? bound.port : 0);
    });
  });
}
