import type { MultifdError } from '../errors.js';
import type { PayloadReader } from '../methods/methods.js';
import type { CounterRow } from '../thread/counters.js';
import type { IncomingConnection } from '../transport/incoming.js';

/** A packet whose payload a method is to read. */
export interface PayloadOfPacket {
  readonly connection: IncomingConnection;
  /** Bytes. */
  readonly size: number;
  /** Compression bits of its method. */
  readonly flag: number;
  /** The method wants so many bytes in all, which is more than there are. */
  readonly tooShort: (wanted: number) => MultifdError;
}

/**
 * Lends a method a packet's payload and not one byte more, and says whom the thread waits for meanwhile: the method, or,
 * while a read of its waits, the connection, which a source may let stand still for as long as it likes.
 */
export class LentPayload implements PayloadReader {
  readonly #packet: PayloadOfPacket;
  readonly #counters: CounterRow;
  #remaining: number;
  #failure: unknown;
  #lent = true;

  constructor(packet: PayloadOfPacket, counters: CounterRow) {
    this.#packet = packet;
    this.#counters = counters;
    this.#remaining = packet.size;
    this.#methodHasThread();
  }

  get remaining(): number {
    return this.#remaining;
  }

  /** What a `read` has thrown: the connection's or our own word, which the method has nothing to add to. */
  get failure(): unknown {
    return this.#failure;
  }

  async read(target: Uint8Array): Promise<void> {
    const { connection, size, tooShort } = this.#packet;
    try {
      if (target.length > this.#remaining) throw tooShort(size - this.#remaining + target.length);
      this.#remaining -= target.length;
      this.#counters.rest();
      await connection.read(target);
    } catch (cause) {
      this.#failure = cause;
      throw cause;
    } finally {
      this.#methodHasThread();
    }
  }

  /** The method is through with it, as it says: a read that it has left behind does not speak for it any more. */
  takeBack(): void {
    this.#lent = false;
    this.#counters.rest();
  }

  /** `none` is ours, and what it does beside reading is over at once. */
  #methodHasThread(): void {
    if (this.#lent && this.#packet.flag !== 0) this.#counters.coding(this.#packet.flag);
  }
}
