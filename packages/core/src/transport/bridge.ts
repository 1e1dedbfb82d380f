import { createServer, type Server, type Socket } from 'node:net';
import { pipeline } from 'node:stream';
import { MultifdError } from '../errors.js';
import type { Handover } from './handover.js';
import { nodeCrypto } from './node-modules.js';

/** ms that a caller may take to say its key. A thread says it at once; without one, it is another program. */
const KEY_TIMEOUT = 10_000;

/** Bytes of a key. No other program can guess it. */
const KEY_SIZE = 16;

/**
 * Carries sockets that Node cannot post to another thread: unix sockets, sockets that Node's stream has read from, and on
 * older Nodes all. Their thread connects to this end over loopback TCP and says its key. Costs one more hop, in the API
 * thread.
 */
export class Bridge {
  readonly #server: Server;
  readonly #port: Promise<number>;
  /** Sockets whose threads have not called yet, by key. */
  readonly #waiting = new Map<string, Socket>();
  readonly #carried = new Set<Socket>();

  constructor() {
    // Each direction ends by itself, as on the socket: a source that keeps main open after we have closed our direction
    // must not look like one that has closed it.
    const options = { noDelay: true, allowHalfOpen: true };
    this.#server = createServer(options, (caller) => this.#called(caller));
    this.#port = new Promise((resolve, reject) => {
      this.#server.once('error', (cause) =>
        reject(MultifdError.from(cause, 'io', 'cannot listen on loopback')),
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
   * Carries the unread bytes of `socket`, which this owns now, to the thread that calls.
   * @throws MultifdError `peer-closed` if the socket is closed, `io` if the bridge cannot listen.
   */
  async carry(socket: Socket): Promise<Handover> {
    socket.allowHalfOpen = true;
    this.#carried.add(socket);
    socket.once('close', () => this.#carried.delete(socket));
    const port = await this.#port;
    if (socket.destroyed) throw new MultifdError('peer-closed', 'the connection is closed');
    const key = nodeCrypto().randomBytes(KEY_SIZE);
    this.#waiting.set(key.toString('hex'), socket);
    // Not the pool's slice of it.
    return { type: 'bridge', port, key: Uint8Array.from(key) };
  }

  #called(caller: Socket): void {
    const drop = (): void => void caller.destroy();
    const timer = setTimeout(drop, KEY_TIMEOUT);
    timer.unref();
    caller.on('error', () => {});
    caller.once('close', () => clearTimeout(timer));
    const listen = (): void => {
      const key: unknown = caller.read(KEY_SIZE);
      if (!Buffer.isBuffer(key)) return;
      caller.removeListener('readable', listen);
      clearTimeout(timer);
      const name = key.toString('hex');
      const socket = this.#waiting.get(name);
      this.#waiting.delete(name);
      if (socket === undefined) {
        drop();
        return;
      }
      socket.removeAllListeners('readable');
      this.#carried.add(caller);
      caller.once('close', () => this.#carried.delete(caller));
      pipeline(socket, caller, socket, () => {
        socket.destroy();
        caller.destroy();
      });
    };
    caller.on('readable', listen);
  }

  /** Accepts no more connections. Pairs that were handed over stay open. */
  stopListening(): void {
    this.#server.close();
  }

  /** Destroys the sockets that it carries. */
  close(): void {
    for (const socket of this.#carried) socket.destroy();
  }
}
