import { type DetectorCounters, sumOfCounters } from './offloaded.js';

/**
 * Counters in shared memory that threads add to and the API thread reads: one row for main and one for each channel.
 * Updated once for each batch, never for each page.
 */
const SLOTS = 17;

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
const TLS_BY = 10;
/** Of the detectors in this thread: whether they count, and `DetectorCounters`. */
const COUNTS = 11;
const DEVICE = 12;
const CPU_AFTER_FAULT = 13;
const QUEUE_FULL_RETRIES = 14;
const DEVICE_TIME = 15;
const ORDER = 16;

/** Heartbeats of all jobs of this thread. */
let beats = 0n;

/** What a thread is doing: tells a thread that hangs from one that waits. */
export const ACTIVITY_IDLE = 0n;
export const ACTIVITY_CHECKING = 1n;
/** Running a method: plug-in code, not a wait for a connection. */
export const ACTIVITY_CODING = 2n;
/** Importing and opening an accelerator: plug-in code, under the setup timeout. */
export const ACTIVITY_OPENING = 3n;
/** Importing and setting up a method: plug-in code, under the setup timeout. */
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

  /** Of all rows together; undefined if no thread has a detector that counts. */
  get offload(): DetectorCounters | undefined {
    return sumOfCounters(Array.from({ length: this.rows }, (_, index) => this.row(index).offload));
  }

  /** Of rows whose jobs share a thread, the one that ran last, as far as heartbeats tell. */
  ranLast(rows: readonly number[]): number | undefined {
    const order = (row: number): bigint => this.row(row).order;
    return rows.reduce<number | undefined>(
      (last, row) => (last === undefined || order(row) > order(last) ? row : last),
      undefined,
    );
  }

  row(index: number): CounterRow {
    return new CounterRow(this.#slots.subarray(index * SLOTS, (index + 1) * SLOTS));
  }
}

/** One connection's counters. Row 0 is main, row `channel + 1` a channel. */
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

  /** What this thread's detectors have done so far; undefined if they do not count. */
  offloaded(counters: DetectorCounters | undefined): void {
    if (counters === undefined) return;
    Atomics.store(this.#slots, DEVICE, BigInt(counters.device));
    Atomics.store(this.#slots, CPU_AFTER_FAULT, BigInt(counters.cpuAfterFault));
    Atomics.store(this.#slots, QUEUE_FULL_RETRIES, BigInt(counters.queueFullRetries));
    // In µs: the slots hold whole numbers.
    Atomics.store(this.#slots, DEVICE_TIME, BigInt(Math.round(1000 * counters.deviceTime)));
    Atomics.store(this.#slots, COUNTS, 1n);
  }

  /** Undefined: this thread has no detector that counts. */
  get offload(): DetectorCounters | undefined {
    if (Atomics.load(this.#slots, COUNTS) === 0n) return undefined;
    return {
      device: Number(Atomics.load(this.#slots, DEVICE)),
      cpuAfterFault: Number(Atomics.load(this.#slots, CPU_AFTER_FAULT)),
      queueFullRetries: Number(Atomics.load(this.#slots, QUEUE_FULL_RETRIES)),
      deviceTime: Number(Atomics.load(this.#slots, DEVICE_TIME)) / 1000,
    };
  }

  /** The thread begins to hand bytes to its connection, and may have to wait. */
  sending(): void {
    Atomics.store(this.#slots, SENDING, 1n);
  }

  /** The thread has handed `count` bytes to its connection. */
  hasSent(count: number): void {
    Atomics.add(this.#slots, SENT, BigInt(count));
    Atomics.store(this.#slots, SENDING, 0n);
  }

  /** The thread begins (true) or stops (false) to wait for bytes from its connection. */
  awaitsBytes(waits: boolean): void {
    Atomics.store(this.#slots, WAITING, waits ? 1n : 0n);
  }

  /** Who does this connection's TLS: Node, or the host package. */
  isSecuredBy(who: 'node' | 'host'): void {
    Atomics.store(this.#slots, TLS_BY, who === 'node' ? 1n : 2n);
  }

  /** `none`: no TLS, or nobody has said. */
  get tlsBy(): 'none' | 'node' | 'host' {
    const word = Atomics.load(this.#slots, TLS_BY);
    return word === 0n ? 'none' : word === 1n ? 'node' : 'host';
  }

  /** Whether this thread waits for bytes from the peer. */
  get isAwaitingBytes(): boolean {
    return Atomics.load(this.#slots, WAITING) !== 0n;
  }

  /** Heartbeat: sets what this job is doing, and shows that it is alive. Call it right before plug-in code. */
  heartbeat(activity: bigint): void {
    Atomics.add(this.#slots, HEARTBEAT, 1n);
    Atomics.store(this.#slots, ORDER, ++beats);
    Atomics.store(this.#slots, ACTIVITY, activity);
  }

  /** A method runs from now on. @param flag its compression bits, as far as the thread knows them. */
  coding(flag: number): void {
    Atomics.store(this.#slots, METHOD, BigInt(flag));
    this.heartbeat(ACTIVITY_CODING);
  }

  /** No plug-in code is running. */
  idle(): void {
    Atomics.store(this.#slots, ACTIVITY, ACTIVITY_IDLE);
  }

  get bytes(): number {
    return Number(Atomics.load(this.#slots, BYTES));
  }

  /** Bytes handed to the connection; `bytes` includes those that still wait for it. */
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

  get heartbeats(): bigint {
    return Atomics.load(this.#slots, HEARTBEAT);
  }

  get activity(): bigint {
    return Atomics.load(this.#slots, ACTIVITY);
  }

  /** Number of the last heartbeat among those of its thread. */
  get order(): bigint {
    return Atomics.load(this.#slots, ORDER);
  }

  /** Flag of the last `coding`. */
  get method(): number {
    return Number(Atomics.load(this.#slots, METHOD));
  }
}
