import type { TLSSocket } from 'node:tls';
import type { DetachedTls } from './messages.js';
import type { RawSide } from './raw-side.js';
import { secretIn } from './traffic-secret.js';

/** Lets somebody else decrypt an incoming connection, once Node has done the handshake of TLS 1.3. */
export class ReceivingHandover {
  readonly #suites: readonly string[];
  #secret: Uint8Array | undefined;

  /** @param suites that whoever may want to knows; none: nobody will. */
  constructor(suites: readonly string[]) {
    this.#suites = suites;
  }

  /** Whether the secret and the encrypted bytes are needed. */
  get isWanted(): boolean {
    return this.#suites.length > 0;
  }

  /** A line of OpenSSL's key log. */
  hear(line: Uint8Array): void {
    this.#secret ??= secretIn(line, 'CLIENT_TRAFFIC_SECRET_0');
  }

  /** Makes TLS stop to read. @returns undefined if it goes on. */
  leave(plain: TLSSocket, raw: RawSide): Omit<DetachedTls, 'taken'> | undefined {
    const suite = plain.getCipher().standardName;
    if (this.#secret === undefined || !this.#suites.includes(suite)) return undefined;
    const left = raw.leave();
    return left && { suite, secret: this.#secret, ...left };
  }

  /** Nobody will, or he has all he needs. */
  forget(raw: RawSide | undefined): void {
    this.#secret?.fill(0);
    this.#secret = undefined;
    raw?.forget();
  }
}
