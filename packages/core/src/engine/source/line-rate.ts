/** ms of sending that do not count: the first bytes may only have filled the sockets' buffers. */
const WARM_UP = 60;
/** ms of sending after which the rate is known, if so many bytes have left, … */
const ENOUGH_TIME = 120;
const ENOUGH_BYTES = 16 * 2 ** 20;
/** … or else after so many ms of sending; … */
const MOST_TIME = 500;
/** … or, where hardly any time goes into sending, so many ms after the first look, if there is something to go by. */
const IDLE_LINE = 1000;

/** What one look has seen. */
interface Mark {
  readonly bytes: number;
  /** ms of sending. */
  readonly time: number;
}

/**
 * Measures the line's rate: bytes over the time in which some thread was sending. Time in which all threads look for
 * something to send, as in a run of zero pages, does not count.
 */
export class LineRate {
  #first: number | undefined;
  #last = 0;
  #time = 0;
  #began: Mark | undefined;

  /**
   * Records one look, which stands for the time since the one before: look as often as the result is to be exact.
   * @param now moment of this look, ms.
   * @param bytes that have been sent so far, over all connections.
   * @param sending whether any thread waits for its connection, or for `max-bandwidth`.
   * @returns bytes a second over all connections; undefined while it is not known.
   */
  look(now: number, bytes: number, sending: boolean): number | undefined {
    if (this.#first !== undefined && sending) this.#time += now - this.#last;
    this.#first ??= now;
    this.#last = now;
    if (this.#began === undefined && this.#time >= WARM_UP) this.#began = { bytes, time: this.#time };
    const { bytes: before, time: since } = this.#began ?? { bytes: 0, time: 0 };
    const gained = bytes - before;
    const time = this.#time - since;
    const enough = gained >= ENOUGH_BYTES;
    const known = this.#began !== undefined && gained > 0 && time >= (enough ? ENOUGH_TIME : MOST_TIME);
    const idle = enough && now - this.#first >= IDLE_LINE;
    return known || idle ? (gained * 1000) / Math.max(time, 1) : undefined;
  }
}
