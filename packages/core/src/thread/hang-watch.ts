import { ACTIVITY_CHECKING, ACTIVITY_CODING, type Counters } from './counters.js';

/**
 * Detects a thread whose zero check or method does not return. The thread's own timers cannot: a call that never
 * returns blocks its event loop.
 */
export class HangWatch {
  readonly #timer: NodeJS.Timeout;
  readonly #seen: { heartbeats: bigint; since: number }[];

  /**
   * @param timeout ms for one check; a method has twice that.
   * @param onHang called with the thread's row (0 for main, `channel + 1` for a channel) and whether a method hangs.
   *   May be called again for the same thread.
   */
  constructor(counters: Counters, timeout: number, onHang: (row: number, coding: boolean) => void) {
    this.#seen = Array.from({ length: counters.rows }, () => ({ heartbeats: -1n, since: 0 }));
    this.#timer = setInterval(
      () => {
        const now = performance.now();
        this.#seen.forEach((seen, index) => {
          const row = counters.row(index);
          const { heartbeats, activity } = row;
          const coding = activity === ACTIVITY_CODING;
          const watched = coding || activity === ACTIVITY_CHECKING;
          if (heartbeats !== seen.heartbeats || !watched) {
            seen.heartbeats = heartbeats;
            seen.since = now;
          } else if (now - seen.since > (coding ? 2 : 1) * timeout) {
            onHang(index, coding);
          }
        });
      },
      Math.min(500, Math.max(10, timeout / 4)),
    );
  }

  close(): void {
    clearInterval(this.#timer);
  }
}
