/**
 * Numbers that threads add to and the API thread reads, in shared memory: one row for main and one for each
 * channel. Added to once for each batch, never for each page.
 */
const SLOTS = 16;

const BYTES = 0;
const NORMAL = 1;
const ZERO = 2;
const UNTOUCHED = 3;
const HEARTBEAT = 4;
const ACTIVITY = 5;
const METHOD = 6;
const SENT = 7;
const SENDING = 8;
const WAITING = 9;

/** What a thread is doing, so that a thread that stands still can be told from one that waits for its turn. */
export const ACTIVITY_IDLE = 0n;
export const ACTIVITY_CHECKING = 1n;
/** A method has the thread: other people's code, and nothing that waits for a connection. */
export const ACTIVITY_CODING = 2n;
/** Importing and opening an accelerator: other people's code, under the time limit of the setup. */
export const ACTIVITY_OPENING = 3n;
/** Importing and setting up a method, under the same limit. */
export const ACTIVITY_SETTING_UP = 4n;

export class Counters {
  readonly buffer: SharedArrayBuffer;
  readonly #slots: BigInt64Array;

  constructor(buffer: SharedArrayBuffer) {
    this.buffer = buffer;
    this.#slots = new BigInt64Array(buffer);
  }

  /** @param rows main and its channels: `channels + 1`. */
  static allocate(rows: number): Counters {
    return new Counters(new SharedArrayBuffer(rows * SLOTS * 8));
  }

  get rows(): number {
    return this.#slots.length / SLOTS;
  }

  row(index: number): CounterRow {
    return new CounterRow(this.#slots.subarray(index * SLOTS, (index + 1) * SLOTS));
  }
}

/** One connection's numbers. Row 0 is main, row `channel + 1` a channel. */
export class CounterRow {
  readonly #slots: BigInt64Array;

  constructor(slots: BigInt64Array) {
    this.#slots = slots;
  }

  addBytes(count: number): void {
    Atomics.add(this.#slots, BYTES, BigInt(count));
  }

  addPages(normal: number, zero: number, untouched = 0): void {
    if (normal > 0) Atomics.add(this.#slots, NORMAL, BigInt(normal));
    if (zero > 0) Atomics.add(this.#slots, ZERO, BigInt(zero));
    if (untouched > 0) Atomics.add(this.#slots, UNTOUCHED, BigInt(untouched));
  }

  /** This thread hands bytes to its connection from now on, and may have to wait for that. */
  sending(): void {
    Atomics.store(this.#slots, SENDING, 1n);
  }

  /** It does not any more. @param count bytes that were handed over. */
  hasSent(count: number): void {
    Atomics.add(this.#slots, SENT, BigInt(count));
    Atomics.store(this.#slots, SENDING, 0n);
  }

  /** This thread waits for bytes of its connection from now on, or does not any more. */
  awaitsBytes(waits: boolean): void {
    Atomics.store(this.#slots, WAITING, waits ? 1n : 0n);
  }

  /** Whether nothing but the peer keeps this thread from going on. */
  get isAwaitingBytes(): boolean {
    return Atomics.load(this.#slots, WAITING) !== 0n;
  }

  /** Says what this thread does from now on, and that it is alive. */
  beat(activity: bigint): void {
    Atomics.add(this.#slots, HEARTBEAT, 1n);
    Atomics.store(this.#slots, ACTIVITY, activity);
  }

  /** A method has this thread from now on. @param flag its compression bits, as far as the thread knows them. */
  coding(flag: number): void {
    Atomics.store(this.#slots, METHOD, BigInt(flag));
    this.beat(ACTIVITY_CODING);
  }

  /** Nobody else's code has this thread any more. */
  rest(): void {
    Atomics.store(this.#slots, ACTIVITY, ACTIVITY_IDLE);
  }

  get bytes(): number {
    return Number(Atomics.load(this.#slots, BYTES));
  }

  /** Bytes that were handed to the connection; `bytes` has those that wait for it, too. */
  get sent(): number {
    return Number(Atomics.load(this.#slots, SENT));
  }

  /** Whether the thread is between `sending` and `hasSent`. */
  get isSending(): boolean {
    return Atomics.load(this.#slots, SENDING) !== 0n;
  }

  get normal(): number {
    return Number(Atomics.load(this.#slots, NORMAL));
  }

  get zero(): number {
    return Number(Atomics.load(this.#slots, ZERO));
  }

  get untouched(): number {
    return Number(Atomics.load(this.#slots, UNTOUCHED));
  }

  get heartbeat(): bigint {
    return Atomics.load(this.#slots, HEARTBEAT);
  }

  get activity(): bigint {
    return Atomics.load(this.#slots, ACTIVITY);
  }

  /** What the last `coding` said. */
  get method(): number {
    return Number(Atomics.load(this.#slots, METHOD));
  }
}
