import type { Duplex } from 'node:stream';
import type { Detached } from './tls/port-stream.js';

/** What a connection's reader needs: a socket, or the decrypted side of a TLS connection. */
export interface ByteStream extends Duplex {
  readonly bytesRead: number;
  readonly localAddress?: string | undefined;
  readonly remoteAddress?: string | undefined;
  setKeepAlive(options: KeepAlive): unknown;
  /** Of TLS: the peer has ended without saying so. */
  readonly isCut?: boolean;
  /** Of TLS 1.3: the cipher suite, by IANA's name. */
  readonly suite?: string | undefined;
  /** Of TLS: takes the rest of the connection over, if that can be. */
  detach?(): Promise<Detached>;
  /** Of TLS: nobody will take it over. */
  stays?(): void;
  /** Resolves when this thread knows what had arrived by now. Undefined: two turns of the event loop are enough. */
  caughtUp?(): Promise<void>;
}

/** TCP keep-alive. */
export interface KeepAlive {
  readonly enable: boolean;
  /** ms of silence before the first probe. */
  readonly initialDelay: number;
  /** ms between probes. */
  readonly interval: number;
  /** Number of probes. */
  readonly count: number;
}
