import { ACTIVITY_CHECKING, type Counters } from '../counters.js';

/**
 * Notices a thread whose zero check does not come back. Its own timers cannot: a check that never returns holds
 * the whole thread.
 */
export class HangWatch {
  readonly #timer: NodeJS.Timeout;
  readonly #seen: { heartbeat: bigint; since: number }[];

  /**
   * @param timeout ms in one check.
   * @param onHang called with the row of the thread: 0 for the migration thread, `channel + 1`.
   */
  constructor(counters: Counters, timeout: number, onHang: (row: number) => void) {
    this.#seen = Array.from({ length: counters.rows }, () => ({ heartbeat: -1n, since: 0 }));
    this.#timer = setInterval(
      () => {
        const now = performance.now();
        this.#seen.forEach((seen, index) => {
          const row = counters.row(index);
          const { heartbeat } = row;
          if (heartbeat !== seen.heartbeat || row.activity !== ACTIVITY_CHECKING) {
            seen.heartbeat = heartbeat;
            seen.since = now;
          } else if (now - seen.since > timeout) {
            onHang(index);
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
