import type { RamPacket } from '../wire/ram-packet.js';
import { ZeroRuns } from './zero-runs.js';

/** Zero pages that wait for their packet: as pages, or as runs for a destination that takes them. */
export class ZeroPages {
  /** Byte offsets in the block; the first `count`. */
  readonly #offsets: Float64Array;
  readonly #runs: ZeroRuns;
  readonly #pageSize: number;
  #count = 0;

  /** @param most pages of a packet. @param pageSize bytes. */
  constructor(most: number, pageSize: number) {
    this.#offsets = new Float64Array(most);
    this.#runs = new ZeroRuns(most);
    this.#pageSize = pageSize;
  }

  /** Number of pages that are not in runs. */
  get count(): number {
    return this.#count;
  }

  get hasRuns(): boolean {
    return !this.#runs.isEmpty;
  }

  get areRunsFull(): boolean {
    return this.#runs.isFull;
  }

  /** Whether pages, or runs, fill a packet: then they have to be moved before more are added. */
  get isFull(): boolean {
    return this.#count === this.#offsets.length || this.#runs.isFull;
  }

  addPage(offset: number): void {
    this.#offsets[this.#count++] = offset;
  }

  /** Adds a page to the runs. */
  addToRuns(offset: number): void {
    this.#runs.add(offset, this.#pageSize);
  }

  /** Adds a whole range. @param length bytes, at most `MAX_ZERO_RUN`. */
  addRange(offset: number, length: number): void {
    this.#runs.add(offset, length);
  }

  /** Moves all pages into the packet, behind its `normal` normal pages. */
  movePagesTo(packet: RamPacket, normal: number): void {
    packet.offsets.set(this.#offsets.subarray(0, this.#count), normal);
    this.#count = 0;
  }

  /** Moves all runs into the packet. */
  moveRunsTo(packet: RamPacket): void {
    this.#runs.moveTo(packet);
  }
}
