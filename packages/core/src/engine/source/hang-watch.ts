import { ACTIVITY_CHECKING, ACTIVITY_ENCODING, type Counters } from '../counters.js';

/**
 * Notices a thread whose zero check or codec does not come back. Its own timers cannot: what never returns holds the
 * whole thread.
 */
export class HangWatch {
  readonly #timer: NodeJS.Timeout;
  readonly #seen: { heartbeat: bigint; since: number }[];

  /**
   * @param timeout ms in one check; twice that while encoding.
   * @param onHang called with the row of the thread: 0 for the migration thread, `channel + 1` for a channel.
   */
  constructor(counters: Counters, timeout: number, onHang: (row: number, encoding: boolean) => void) {
    this.#seen = Array.from({ length: counters.rows }, () => ({ heartbeat: -1n, since: 0 }));
    this.#timer = setInterval(
      () => {
        const now = performance.now();
        this.#seen.forEach((seen, index) => {
          const row = counters.row(index);
          const { heartbeat, activity } = row;
          const encoding = activity === ACTIVITY_ENCODING;
          const watched = encoding || activity === ACTIVITY_CHECKING;
          if (heartbeat !== seen.heartbeat || !watched) {
            seen.heartbeat = heartbeat;
            seen.since = now;
          } else if (now - seen.since > (encoding ? 2 : 1) * timeout) {
            // Encoding waits for the connection too, which has a limit of its own and says better what is wrong.
            onHang(index, encoding);
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
