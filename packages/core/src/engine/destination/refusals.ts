import type { MultifdError } from '../../errors.js';
import { Dismissals } from './dismissals.js';
import type { PendingConnection } from './pending-connection.js';

/** Hosts whose refusals are remembered. */
const MOST_HOSTS = 64;

/** Connections that were turned away: what their sources are told, and when and why it was. */
export class Refusals {
  readonly #dismissals = new Dismissals();
  /** The last one of each host, of the hosts that were heard of last. */
  readonly #last = new Map<string, { readonly at: number; readonly why: MultifdError }>();

  add(connection: PendingConnection, why: MultifdError): void {
    connection.dismiss(why, this.#dismissals);
    this.#last.delete(connection.host);
    this.#last.set(connection.host, { at: performance.now(), why });
    const [oldest] = this.#last.keys();
    if (oldest !== undefined && this.#last.size > MOST_HOSTS) this.#last.delete(oldest);
  }

  /** Why a connection from this main's host was refused last, if that was since main connected. */
  since(main: PendingConnection): MultifdError | undefined {
    const last = this.#last.get(main.host);
    return last !== undefined && last.at >= main.since ? last.why : undefined;
  }

  /**
   * A channel that does not fit is refused alone. If it was this main's, its source is about to fail: main says why.
   * False if main does not take it.
   */
  explain(main: PendingConnection): boolean {
    const why = this.since(main);
    return why?.code !== 'incompatible' || main.note(why);
  }

  /**
   * The migration is over. Fulfilled when those that are told why are closed, within 500 ms.
   * @param rest connections that nobody has judged.
   * @param failure what they are told; undefined: all are dropped.
   */
  async close(rest: readonly PendingConnection[], failure: MultifdError | undefined): Promise<void> {
    for (const connection of rest) {
      if (failure === undefined) connection.drop();
      else connection.dismiss(failure, this.#dismissals);
    }
    if (failure === undefined) this.#dismissals.drop();
    await this.#dismissals.over();
  }
}
