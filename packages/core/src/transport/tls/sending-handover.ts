import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import type { ClientSide } from './client-side.js';
import { wroteOnlyHandshake } from './handshake-only.js';
import { secretIn, type TrafficSecret } from './traffic-secret.js';

/** An outgoing connection that Node's TLS has left. */
export interface LeftTls extends TrafficSecret {
  /** Without TLS: whoever has this writes records. Nobody has listeners on it. */
  readonly socket: Socket;
  readonly fd: number;
}

/** Lets another implementation encrypt an outgoing connection, once Node has done the handshake of TLS 1.3. */
export class SendingHandover {
  readonly #tls: TLSSocket;
  readonly #side: ClientSide;
  #handshake: Uint8Array | undefined;
  #traffic: Uint8Array | undefined;

  /** @param tls on `side`, before its handshake. */
  constructor(tls: TLSSocket, side: ClientSide) {
    this.#tls = tls;
    this.#side = side;
    tls.on('keylog', (line: Uint8Array) => {
      this.#handshake ??= secretIn(line, 'CLIENT_HANDSHAKE_TRAFFIC_SECRET');
      this.#traffic ??= secretIn(line, 'CLIENT_TRAFFIC_SECRET_0');
    });
  }

  /**
   * Takes the connection from Node's TLS, if it has written its handshake and nothing else. From then on it cannot write. Once only.
   * @param suites that the caller knows.
   * @returns undefined: Node's TLS goes on.
   */
  take(suites: readonly string[]): LeftTls | undefined {
    const [handshake, secret] = [this.#handshake, this.#traffic];
    this.#handshake = undefined;
    this.#traffic = undefined;
    const left = handshake && secret && this.#leave(suites, handshake, secret);
    handshake?.fill(0);
    if (left !== undefined) return left;
    secret?.fill(0);
    this.#side.forget();
    return undefined;
  }

  #leave(suites: readonly string[], handshake: Uint8Array, secret: Uint8Array): LeftTls | undefined {
    // What has ended or broken is Node's: it says how.
    if (this.#tls.destroyed || this.#tls.readableEnded || this.#tls.getProtocol() !== 'TLSv1.3')
      return undefined;
    const suite = this.#tls.getCipher().standardName;
    if (!suites.includes(suite)) return undefined;
    const left = this.#side.leave((sent) => wroteOnlyHandshake(sent, suite, handshake));
    if (left === undefined) return undefined;
    // Frees OpenSSL's state too. What it writes at that is dropped.
    this.#tls.on('error', () => {});
    this.#tls.destroy();
    return { ...left, suite, secret };
  }
}
