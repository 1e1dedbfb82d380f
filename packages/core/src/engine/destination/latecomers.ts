import type { MultifdError } from '../../errors.js';
import { claimedTwice, otherNumber } from './admission-errors.js';
import { type Claim, type Group, mayBelong } from './group.js';

/** ms of silence after which a connection is no rival: a source sends on all of its connections at once. */
export const SILENT = 2_000;

/** What a channel is that came behind a source that was refused, and in front of the next one. */
export const OF_REFUSED = 'of a source that was refused before';

const OF_ANOTHER = 'of another source: it does not belong to the main stream of this migration';
const OF_SECOND = 'of a second source: the migration has all its connections';
const STRANGE = 'one channel too many, and it sent no packet';

/** A connection that is still pending, or arrives, once the source's connections are complete. */
export interface Latecomer extends Claim {
  readonly peer: string;
  /** When it last sent something, ms. */
  readonly heard: number;
}

export type Verdict =
  | { readonly refused: string }
  /** The migration must not go on: pages of its source may be on that connection. */
  | { readonly failed: MultifdError };

/**
 * Judges further connections while a complete source migrates. Each may carry pages of that source's guest: a surplus
 * channel of its own does; a second claim for one of its channels does if the first was another source's
 * (`chooseGroup`); and a second main may be the main that these channels belong to. As it cannot be told which is the
 * source's, the migration must fail. But a second source that was started by mistake must not end a migration in
 * progress: its main is younger than all connections in use, and its channels are younger still.
 */
export class Latecomers {
  readonly #group: Group<Latecomer>;
  readonly #isOfRefused: (connection: Latecomer) => boolean;
  /** When the first younger main of each host connected, ms. */
  readonly #youngerMains = new Map<string, number>();

  /** @param isOfRefused whether a connection may be of a source that was refused. */
  constructor(group: Group<Latecomer>, isOfRefused: (connection: Latecomer) => boolean) {
    this.#group = group;
    this.#isOfRefused = isOfRefused;
  }

  /**
   * @param all connections that are not judged yet.
   * @param now ms; Infinity: wait for none of them.
   * @returns undefined while it cannot be told.
   */
  judge(connection: Latecomer, all: readonly Latecomer[], now: number): Verdict | undefined {
    if (connection.role === 'main') return this.#judgeMain(connection, now);
    if (connection.role === 'channel') return this.#judgeChannel(connection, all, now);
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
    // A main that never comes to RAM is a stranger.
    if (!proven) return now === Number.POSITIVE_INFINITY ? { refused } : undefined;
    return { failed: claimedTwice('the main stream', peer) };
  }

  #judgeChannel(connection: Latecomer, all: readonly Latecomer[], now: number): Verdict | undefined {
    const { host, channel, since, isSurplus, proven } = connection;
    const { main, channels, hosts, doubtful } = this.#group;
    if (since < main.since && this.#isOfRefused(connection))
      return { refused: `channel ${channel} ${OF_REFUSED}` };
    const surplus = isSurplus
      ? otherNumber({ atLeast: channel + 1, isExact: false }, channels.length)
      : undefined;
    const isOlder = isSurplus ? !mayBelong(connection, main) : since < main.since;
    if (!hosts.has(host) || isOlder) return { refused: `channel ${channel} ${OF_ANOTHER}` };
    if (!doubtful.has(channel)) {
      if (this.#firstOtherMain(host) <= since) return { refused: `channel ${channel} ${OF_SECOND}` };
      // A channel that sends no more by the end is a stranger.
      if (!proven)
        return now === Number.POSITIVE_INFINITY ? { refused: surplus?.message ?? STRANGE } : undefined;
      if (all.some((other) => this.#mayBeItsMain(other, connection, now))) return undefined;
    }
    return { failed: surplus ?? claimedTwice(`channel ${channel}`, connection.peer) };
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
