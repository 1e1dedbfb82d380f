import type { Socket } from 'node:net';
import type { MessagePort } from 'node:worker_threads';
import { MultifdError } from '../errors.js';
import type { Bridge } from './bridge.js';
import type { ByteStream } from './byte-stream.js';
import { type FirstLook, firstLook } from './first-look.js';
import type { Handover } from './handover.js';
import type { TlsPeer } from './tls/credentials.js';
import { PortLook } from './tls/port-look.js';
import { type PortState, PortStream } from './tls/port-stream.js';

/** Who connected. */
export interface Caller {
  /** For messages. */
  readonly peer: string;
  /** The peer's host: its address without the port. */
  readonly host: string;
  /** File descriptor of its socket, where Node exposes one. */
  readonly descriptor: number | undefined;
}

/** An accepted connection, unread. */
export interface Accepted extends Caller {
  /** Of TLS, once it is proven: who is at the other end. */
  readonly tls: TlsPeer | undefined;
  /** @param byDescriptor false: use Node's documented API only. */
  look(byDescriptor: boolean): FirstLook;
  /**
   * Returns what another thread needs to take the connection over, without the bytes that were read from it.
   * @param untouched Node's stream has read nothing from it.
   */
  handOver(untouched: boolean): Promise<Handover>;
  /** For this thread to write to; call neither `look` nor `handOver` afterwards. */
  stream(): ByteStream;
  /** Drops the connection at once. */
  drop(): void;
}

/** A connection without TLS. */
export class AcceptedSocket implements Accepted {
  readonly peer: string;
  readonly host: string;
  readonly descriptor: number | undefined;
  readonly tls = undefined;
  readonly #socket: Socket;
  readonly #posts: boolean;
  readonly #bridge: () => Bridge;

  /**
   * @param posts whether an untouched socket can be posted to another thread.
   * @param bridge returns what carries it otherwise.
   */
  constructor(socket: Socket, caller: Caller, posts: boolean, bridge: () => Bridge) {
    this.#socket = socket;
    this.#posts = posts;
    this.#bridge = bridge;
    this.peer = caller.peer;
    this.host = caller.host;
    this.descriptor = caller.descriptor;
    socket.on('error', () => {});
  }

  look(byDescriptor: boolean): FirstLook {
    return firstLook(this.#socket, byDescriptor);
  }

  async handOver(untouched: boolean): Promise<Handover> {
    if (untouched && this.#posts) return { type: 'socket', socket: this.#socket };
    return this.#bridge().carry(this.#socket);
  }

  stream(): ByteStream {
    return this.#socket;
  }

  drop(): void {
    this.#socket.destroy();
  }
}

/** A connection with TLS, whose decrypted bytes come from a port. */
export class AcceptedTls implements Accepted {
  readonly peer: string;
  readonly host: string;
  readonly descriptor: number | undefined;
  readonly #port: MessagePort;
  readonly #look: PortLook;

  constructor(port: MessagePort, caller: Caller) {
    this.#port = port;
    this.#look = new PortLook(port);
    this.peer = caller.peer;
    this.host = caller.host;
    this.descriptor = caller.descriptor;
  }

  get tls(): TlsPeer | undefined {
    return this.#look.peer;
  }

  look(): FirstLook {
    return this.#look;
  }

  async handOver(): Promise<Handover> {
    if (this.#look.isBroken) throw new MultifdError('peer-closed', 'the connection is closed');
    return { type: 'tls', port: this.#port, state: this.#state };
  }

  stream(): ByteStream {
    const stream = new PortStream(this.#port, this.#state);
    stream.on('error', () => {});
    return stream;
  }

  get #state(): PortState {
    const { ended, peer } = this.#look;
    return { ended, suite: peer?.version === 'TLSv1.3' ? peer.cipher : undefined };
  }

  drop(): void {
    this.#port.close();
  }
}
