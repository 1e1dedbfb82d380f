import { MultifdError } from '../../errors.js';
import { Dismissals } from './dismissals.js';
import type { Claim } from './group.js';
import { OF_REFUSED, SILENT } from './latecomers.js';
import type { PendingConnection } from './pending-connection.js';

/** ms for which what a host closes is taken for the rest of its source that was refused. */
const LEAVING = 5_000;
/** ms that a network gets to bring the main of a channel that has overtaken it, when a source of its host was refused. */
const OVERTAKES = 1_000;
/** Hosts whose refusals are remembered. */
const MOST_HOSTS = 64;

interface Refusal {
  /** When it was, ms. */
  readonly at: number;
  readonly why: MultifdError;
}

interface RefusedSource extends Refusal {
  /** When its main connected; of several in a row, the first one's. */
  readonly since: number;
}

/** Connections that were turned away: what their sources are told, and when and why it was. */
export class Refusals {
  readonly #dismissals = new Dismissals();
  /** The last one of each host, of the hosts that were heard of last. */
  readonly #last = new Map<string, Refusal>();
  /** The last main of each such host. */
  readonly #sources = new Map<string, RefusedSource>();
  /** The last channel of another guest, of each such host; `at` is when it had connected. */
  readonly #otherGuests = new Map<string, Refusal>();

  add(connection: PendingConnection, why: MultifdError): void {
    connection.dismiss(why, this.#dismissals);
    const { host, role, since, isSource } = connection;
    if (isSource) this.#sourceRefused(host, since, why);
    remember(this.#last, host, { at: performance.now(), why });
    if (role === 'channel' && why.code === 'incompatible')
      remember(this.#otherGuests, host, { at: since, why });
  }

  #sourceRefused(host: string, since: number, why: MultifdError): void {
    const at = performance.now();
    const last = this.#sources.get(host);
    const first = last !== undefined && since - last.at < LEAVING ? last.since : since;
    remember(this.#sources, host, { at, since: Math.min(first, since), why });
  }

  /** Whether it connected behind the main of a source of its host that was refused, and at most `LEAVING` after that. */
  isOfRefused({ host, since }: Pick<Claim, 'host' | 'since'>): boolean {
    const last = this.#sources.get(host);
    return last !== undefined && since >= last.since && since < last.at + LEAVING;
  }

  /** Connections that may have come with `main`: no channels of a source that was refused before it. */
  notLeft(pending: readonly PendingConnection[], main: PendingConnection): readonly PendingConnection[] {
    return pending.filter(
      (each) => each.role !== 'channel' || each.since >= main.since || !this.isOfRefused(each),
    );
  }

  /**
   * Channels that no pending main can have, and why: those of a source that is gone, while no main of its host is here, and,
   * behind a source that was refused, while none came before them, dead ones, surplus ones and those that have waited long
   * enough: a source connects main first. A QEMU whose main was refused, and whose channels nobody reads, notices nothing.
   */
  strays(
    pending: readonly PendingConnection[],
    now: number,
  ): { channel: PendingConnection; why: MultifdError }[] {
    return pending.flatMap((channel) => {
      const { role, isDead, isSurplus, host, since } = channel;
      const isOfRefused = this.isOfRefused(channel);
      const isLeft = isOfRefused && (isSurplus || now - since >= OVERTAKES);
      if (role !== 'channel' || !(isDead || isLeft)) return [];
      const mayHaveMain = pending.some(
        (other) => other.role !== 'channel' && other.host === host && (!isOfRefused || other.since <= since),
      );
      const why = isDead ? channel.closed() : new MultifdError('peer-closed', OF_REFUSED);
      return mayHaveMain ? [] : [{ channel, why }];
    });
  }

  /**
   * Whether it is what is left of a source that was refused a moment ago, and so nothing new: a channel of its host, or
   * one that has said nothing.
   * @param why it is refused itself.
   */
  isLeftOver({ host, role, bytes }: PendingConnection, { code }: MultifdError): boolean {
    const last = this.#sources.get(host);
    if (last === undefined || performance.now() - last.at >= LEAVING) return false;
    if (role === 'channel') return code === 'peer-closed' || code === 'incompatible';
    return code === 'peer-closed' && bytes.length === 0;
  }

  /**
   * The sources whose channels are another guest's, which their main need not say, and why a channel was refused. A
   * channel from main's host that fits, or has not said yet whether it does, may be main's own: then the wrong one is a
   * stranger's.
   */
  ofOtherGuests(
    pending: readonly PendingConnection[],
    now: number,
  ): { main: PendingConnection; why: MultifdError }[] {
    return pending.flatMap((main) => {
      const last = this.#otherGuests.get(main.host);
      if (main.role !== 'main' || !main.proven || last === undefined || last.at < main.since) return [];
      const hasOwn = pending.some(
        ({ host, role, since, heard }) =>
          host === main.host &&
          since >= main.since &&
          (role === 'channel' || (role === undefined && now - heard < SILENT)),
      );
      return hasOwn ? [] : [{ main, why: last.why }];
    });
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

function remember<R extends Refusal>(all: Map<string, R>, host: string, refusal: R): void {
  all.delete(host);
  all.set(host, refusal);
  const [oldest] = all.keys();
  if (oldest !== undefined && all.size > MOST_HOSTS) all.delete(oldest);
}
