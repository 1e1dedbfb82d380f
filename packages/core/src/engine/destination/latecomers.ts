import type { MultifdError } from '../../errors.js';
import type { Claim, Group } from './group.js';
import { claimedTwice } from './reception-errors.js';

/** ms of silence after which a connection is nobody's rival: a source speaks on all of its connections at once. */
export const SILENT = 2_000;

/** A connection that came, or stayed, when the source's were complete. */
export interface Latecomer extends Claim {
  readonly peer: string;
  /** When it said something last, ms. */
  readonly heard: number;
}

export type Verdict =
  | { readonly refused: string }
  /** The migration must not go on: pages of its source may be on that connection. */
  | { readonly failed: MultifdError };

/**
 * Says what becomes of whoever claims a place of a source that is complete, until that source has been told that its
 * guest is here. A channel too many of its own has pages of its guest. So has a second claim for one of its channels, if
 * the first was another source's (`chooseGroup`), and a second main stream may be the one of these channels: which of the
 * two is the source's nobody can tell, so that neither may be taken for it. But a second source, which somebody has
 * started by mistake, must not end a migration in progress: its main is younger than all that are in use, and its channels
 * are younger than that.
 */
export class Latecomers {
  readonly #group: Group<Latecomer>;
  /** When the first younger main of a host connected, ms. */
  readonly #youngerMains = new Map<string, number>();

  constructor(group: Group<Latecomer>) {
    this.#group = group;
  }

  /**
   * @param all that nobody has judged yet.
   * @param now ms; Infinity: nobody is waited for any more.
   * @returns undefined while that is open.
   */
  judge(caller: Latecomer, all: readonly Latecomer[], now: number): Verdict | undefined {
    if (caller.role === 'main') return this.#judgeMain(caller, now);
    if (caller.role === 'channel') return this.#judgeChannel(caller, all, now);
    return undefined;
  }

  #judgeMain({ host, since, proven, peer }: Latecomer, now: number): Verdict | undefined {
    const refused = 'a second main stream';
    const { channels, hosts } = this.#group;
    if (!hosts.has(host)) return { refused };
    if (channels.every((channel) => channel.since < since)) {
      this.#youngerMains.set(host, Math.min(since, this.#firstOtherMain(host)));
      return { refused };
    }
    // One that never comes to RAM is a stranger.
    if (!proven) return now === Number.POSITIVE_INFINITY ? { refused } : undefined;
    return { failed: claimedTwice('the main stream', peer) };
  }

  #judgeChannel(caller: Latecomer, all: readonly Latecomer[], now: number): Verdict | undefined {
    const { host, channel, since, surplus, proven } = caller;
    const { main, hosts, doubtful } = this.#group;
    const refused = surplus?.message ?? 'the migration has all its connections';
    if (!hosts.has(host) || (surplus === undefined && since < main.since)) return { refused };
    if (!doubtful.has(channel)) {
      if (this.#firstOtherMain(host) <= since) return { refused };
      // One that says no more by the end is a stranger.
      if (!proven) return now === Number.POSITIVE_INFINITY ? { refused } : undefined;
      if (all.some((other) => this.#mayBeItsMain(other, caller, now))) return undefined;
    }
    return { failed: surplus ?? claimedTwice(`channel ${channel}`, caller.peer) };
  }

  #firstOtherMain(host: string): number {
    return this.#youngerMains.get(host) ?? Number.POSITIVE_INFINITY;
  }

  /** A source says more on main only when its channels are there. */
  #mayBeItsMain(other: Latecomer, channel: Latecomer, now: number): boolean {
    return (
      other.role === undefined &&
      other.host === channel.host &&
      other.since >= this.#group.main.since &&
      other.since <= channel.since &&
      now - other.heard < SILENT
    );
  }
}
