import { MAX_ZERO_RUN } from '../wire/layout.js';
import type { RamPacket } from '../wire/ram-packet.js';

/** Collects the runs of zero pages of one packet (docs/wire.md, 14). Neighbours become one run. */
export class ZeroRuns {
  /** Pairs of byte offset and length. */
  readonly #pairs: Float64Array;
  #count = 0;
  /** Offset behind the last run; -1 if there is none. */
  #end = -1;

  /** @param entries how many a packet has. */
  constructor(entries: number) {
    this.#pairs = new Float64Array(entries);
  }

  get isEmpty(): boolean {
    return this.#count === 0;
  }

  /** Whether the next run may have no room. */
  get isFull(): boolean {
    return 2 * this.#count === this.#pairs.length;
  }

  /** Adds zero pages. Call it only while there is room. @param length bytes, at most `MAX_ZERO_RUN`. */
  add(offset: number, length: number): void {
    const last = 2 * this.#count - 1;
    const before = this.#pairs[last] ?? 0;
    if (offset === this.#end && before + length <= MAX_ZERO_RUN) this.#pairs[last] = before + length;
    else {
      this.#pairs[last + 1] = offset;
      this.#pairs[last + 2] = length;
      this.#count++;
    }
    this.#end = offset + length;
  }

  /** Moves all runs into the packet. */
  moveTo(packet: RamPacket): void {
    packet.offsets.set(this.#pairs.subarray(0, 2 * this.#count));
    packet.zeroRuns = this.#count;
    this.#count = 0;
    this.#end = -1;
  }
}
