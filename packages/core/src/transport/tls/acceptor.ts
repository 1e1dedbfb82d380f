import type { Socket } from 'node:net';
import { availableParallelism } from 'node:os';
import { MessageChannel, type MessagePort } from 'node:worker_threads';
import type { MultifdError } from '../../errors.js';
import type { MigrationParameters } from '../../parameters.js';
import type { FirstFailure } from '../../thread/first-failure.js';
import { type Thread, ThreadGroup } from '../../thread/group.js';
import type { Ending } from '../../thread/port.js';
import type { ServerTls } from './credentials.js';
import { TlsTerminal } from './terminal.js';

/** ms that a client may take for its handshake; half of `setupTimeout` at most. */
const HANDSHAKE = 10_000;

/** What a TLS thread is started with. */
export interface TlsThreadData {
  readonly tls: ServerTls;
  /** ms. */
  readonly timeout: number;
  /** See `TlsTerminal`. */
  readonly suites: readonly string[];
}

/** API thread → TLS thread. */
export type ToTlsThread =
  /** A connection of its own, unread; `port` leads to whoever reads the decrypted bytes. */
  | { readonly type: 'connection'; readonly socket: Socket; readonly port: MessagePort }
  | { readonly type: 'abort' };

/** TLS thread → API thread: it has closed a connection. */
export type FromTlsThread = { readonly type: 'closed' } | Ending;

/** How many threads decrypt a destination's connections. */
export function tlsThreads(channels: number): number {
  return Math.max(1, Math.min(channels, availableParallelism()));
}

/**
 * Ends TLS on a destination's incoming connections, in threads of its own: Node's TLS cannot move to another thread once
 * it has begun, and only the decrypted bytes tell which thread a connection is for. A socket that cannot be posted is
 * served in the API thread.
 */
export class TlsAcceptor {
  readonly #tls: ServerTls;
  readonly #timeout: number;
  readonly #suites: readonly string[];
  readonly #group: ThreadGroup<ToTlsThread, FromTlsThread>;
  readonly #threads: { readonly thread: Thread<ToTlsThread>; connections: number }[] = [];

  /**
   * @param suites with which channels' threads may want to decrypt by themselves.
   * @param failed called if a TLS thread dies.
   */
  constructor(
    tls: ServerTls,
    { multifdChannels, setupTimeout }: Pick<MigrationParameters, 'multifdChannels' | 'setupTimeout'>,
    suites: readonly string[] | undefined,
    failures: FirstFailure,
    failed: (error: MultifdError) => void,
  ) {
    this.#tls = tls;
    this.#suites = suites ?? [];
    this.#timeout = Math.min(HANDSHAKE, setupTimeout / 2);
    this.#group = new ThreadGroup(failed, failures);
    const data: TlsThreadData = { tls, timeout: this.#timeout, suites: this.#suites };
    for (let index = 0; index < tlsThreads(multifdChannels); index++) {
      const served = {
        thread: this.#group.spawn('tls', {
          where: `TLS thread ${index}`,
          data,
          onMessage({ type }) {
            if (type === 'closed') served.connections--;
          },
        }),
        connections: 0,
      };
      this.#threads.push(served);
    }
  }

  /**
   * Serves an unread socket, which this owns from now on.
   * @param posts whether it can be posted to a thread.
   * @returns the port of its decrypted bytes.
   */
  accept(socket: Socket, posts: boolean): MessagePort {
    const { port1, port2 } = new MessageChannel();
    const served = this.#threads.reduce((found, each) =>
      each.connections < found.connections ? each : found,
    );
    if (posts) {
      served.connections++;
      served.thread.post({ type: 'connection', socket, port: port1 }, [socket, port1]);
    } else new TlsTerminal(socket, this.#tls, this.#timeout, port1, this.#suites, () => {});
    return port2;
  }

  /** Ends the threads, once their connections are closed, or after a second. Does not throw. */
  async close(): Promise<void> {
    this.#group.stop({ type: 'abort' });
    await this.#group.join();
  }
}
