import type { MultifdError } from '../errors.js';
import type { PayloadReader } from '../methods/methods.js';
import type { CounterRow } from '../thread/counters.js';
import type { IncomingConnection } from '../transport/incoming.js';

/** A packet whose payload a method reads. */
export interface PayloadOfPacket {
  readonly connection: IncomingConnection;
  /** Bytes. */
  readonly size: number;
  /** Compression bits of its method. */
  readonly flag: number;
  /** The error for a method that wants `wanted` bytes in all, more than the payload has. */
  readonly tooShort: (wanted: number) => MultifdError;
}

/**
 * Lends a method a packet's payload and not one byte more. Keeps the thread's activity up to date meanwhile: the hang
 * watch times the method, but not its reads, as a source may leave the connection silent for as long as it likes.
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

  /** What a `read` has thrown: the connection's error or ours, reported as it is rather than as the method's. */
  get failure(): unknown {
    return this.#failure;
  }

  read(target: Uint8Array): Promise<void> {
    return this.readInto([target]);
  }

  async readInto(targets: readonly Uint8Array[]): Promise<void> {
    const { connection, size, tooShort } = this.#packet;
    const bytes = targets.reduce((sum, { length }) => sum + length, 0);
    try {
      if (bytes > this.#remaining) throw tooShort(size - this.#remaining + bytes);
      this.#remaining -= bytes;
      this.#counters.idle();
      await connection.read(targets);
    } catch (cause) {
      this.#failure = cause;
      throw cause;
    } finally {
      this.#methodHasThread();
    }
  }

  /** The method has returned: a read that it left pending no longer changes the thread's activity to the method. */
  takeBack(): void {
    this.#lent = false;
    this.#counters.idle();
  }

  /** Marks the thread as busy in the method. Not for `none`, which is ours and only reads. */
  #methodHasThread(): void {
    if (this.#lent && this.#packet.flag !== 0) this.#counters.coding(this.#packet.flag);
  }
}
