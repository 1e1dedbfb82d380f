import type { Claim, Group } from './group.js';
import { SILENT } from './latecomers.js';

/** ms that other connections from the source's host get to show that they belong to another source. */
const RIVALRY = 500;

interface Connected extends Claim {
  /** When it last sent something, ms. */
  readonly heard: number;
}

/** All of a source's connections are there: how long to wait for one that shows some of them to be another source's. */
export class Readiness {
  /** Since when all are there, ms, and with which main. */
  #since: number | undefined;
  #main: Claim | undefined;

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
}
