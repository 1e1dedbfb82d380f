import { packetHeaderSize } from '../wire/layout.js';
import { encodeRamPacket, type RamPacket } from '../wire/ram-packet.js';

/** The headers of one write. Owned by a sender; lent to the socket from `send` until its `done`. */
export class HeaderSlots {
  readonly #bytes: Uint8Array;
  readonly #headerSize: number;
  readonly #pageSize: number;
  #used = 0;
  /** Offset of the first header that no vector covers yet. */
  #uncovered = 0;

  /** @param headers how many it holds. */
  constructor(headers: number, pageSize: number) {
    this.#headerSize = packetHeaderSize(pageSize);
    this.#pageSize = pageSize;
    this.#bytes = new Uint8Array(headers * this.#headerSize);
  }

  get isFull(): boolean {
    return this.#used === this.#bytes.length;
  }

  /** Writes a packet's header behind the others. @returns its bytes. */
  append(packet: RamPacket): number {
    const end = this.#used + this.#headerSize;
    encodeRamPacket(packet, this.#bytes.subarray(this.#used, end), this.#pageSize);
    this.#used = end;
    return this.#headerSize;
  }

  /** The headers since the last call, as one vector; undefined if there are none. */
  cover(): Uint8Array | undefined {
    if (this.#uncovered === this.#used) return undefined;
    const vector = this.#bytes.subarray(this.#uncovered, this.#used);
    this.#uncovered = this.#used;
    return vector;
  }

  /** Empties it for another write. */
  clear(): void {
    this.#used = 0;
    this.#uncovered = 0;
  }
}
