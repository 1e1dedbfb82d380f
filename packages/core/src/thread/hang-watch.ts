import { ACTIVITY_CHECKING, ACTIVITY_CODING, type Counters } from './counters.js';

/**
 * Detects a zero check or method that does not return. The thread's own timers cannot: a call that never returns blocks its
 * event loop.
 */
export class HangWatch {
  readonly #timer: NodeJS.Timeout;
  readonly #seen: { heartbeats: bigint; since: number }[];

  /**
   * @param timeout ms for one check; a method has twice that.
   * @param together the rows whose jobs share a thread with this row's, itself among them.
   * @param onHang called with the row (0 for main, `channel + 1` for a channel) and whether a method hangs. May be called again
   *   for the same row.
   */
  constructor(
    counters: Counters,
    timeout: number,
    together: (row: number) => readonly number[],
    onHang: (row: number, coding: boolean) => void,
  ) {
    this.#seen = Array.from({ length: counters.rows }, () => ({ heartbeats: -1n, since: 0 }));
    const interval = Math.min(500, Math.max(10, timeout / 4));
    const isWatched = (activity: bigint): boolean =>
      activity === ACTIVITY_CODING || activity === ACTIVITY_CHECKING;
    this.#timer = setInterval(() => {
      const now = performance.now();
      const still = this.#seen.map((seen, index) => {
        const { heartbeats, activity } = counters.row(index);
        if (heartbeats === seen.heartbeats && isWatched(activity)) return true;
        seen.heartbeats = heartbeats;
        seen.since = now;
        return false;
      });
      this.#seen.forEach(({ since }, index) => {
        const coding = counters.row(index).activity === ACTIVITY_CODING;
        if (!still[index] || now - since <= (coding ? 2 : 1) * timeout) return;
        const last = counters.ranLast(together(index)) ?? index;
        // The thread may stand in that one's plug-in, which has a limit of its own. If it does not, it moves soon.
        if (last === index || !still[last]) onHang(index, coding);
      });
    }, interval);
  }

  close(): void {
    clearInterval(this.#timer);
  }
}
