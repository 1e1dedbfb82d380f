import type { Claim, Group } from './group.js';
import { SILENT } from './latecomers.js';

/** See `heldUp`. */
const HELD_UP = 5_000;

/** ms that other connections from the source's host get to show that they belong to another source. */
const RIVALRY = 500;

/**
 * ms to wait for a channel that its source has connected already (main has passed the setup sync): a network or a proxy
 * holds it up. At most half of `setupTimeout`.
 */
export function heldUp(setupTimeout: number): number {
  return Math.min(HELD_UP, setupTimeout / 2);
}

interface Connected extends Claim {
  /** When it last sent something, ms. */
  readonly heard: number;
}

/** All of a source's connections are there: how long to wait for one that shows some of them to be another source's. */
export class Readiness {
  /** Since when all are there, ms, and with which main. */
  #since: number | undefined;
  #main: Claim | undefined;
  /** The last turn of the event loop that was waited for, and the newest connection when it began. */
  #turn: { readonly newest: unknown; isOver: boolean } | undefined;

  /** They are not all there, or not any more. */
  reset(): void {
    this.#since = undefined;
  }

  /**
   * Whether none can still come.
   * @param pending all connections, the group's included.
   * @param heldUp ms that a network may hold up a connection.
   */
  isReached<C extends Connected>(
    { main, channels, hosts, doubtful }: Group<C>,
    pending: readonly C[],
    now: number,
    heldUp: number,
  ): boolean {
    if (this.#main !== main) this.#since = undefined;
    this.#main = main;
    this.#since ??= now;
    if (main.sourceChannels === undefined && !this.#isQuiet(pending)) return false;
    const chosen = new Set([main, ...channels]);
    const others = pending.filter((connection) => !chosen.has(connection) && hosts.has(connection.host));
    if (doubtful.size === 0) {
      const isRival = others.some(({ heard }) => now - heard < SILENT);
      return !isRival || now - this.#since >= RIVALRY;
    }
    // Main's own channel may be held up, or be connected and silent.
    const silent = others.filter(({ role, since }) => role === undefined && since >= main.since);
    return now - Math.max(this.#since, ...silent.map(({ since }) => since)) >= heldUp;
  }
  /**
   * Whether a whole turn of the event loop has brought no connection. A source that does not say how many channels it has
   * connects all of them before main comes to RAM (QEMU since 9.0, `wire` `qemu`), but on a busy machine they may still be in the
   * kernel's queue: Node accepts one in each turn.
   */
  #isQuiet(pending: readonly unknown[]): boolean {
    const newest = pending.at(-1);
    if (this.#turn !== undefined && this.#turn.newest === newest) return this.#turn.isOver;
    const turn = { newest, isOver: false };
    this.#turn = turn;
    setImmediate(() => {
      turn.isOver = true;
    });
    return false;
  }
}
