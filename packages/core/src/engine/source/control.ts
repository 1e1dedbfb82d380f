import { MultifdError } from '../../errors.js';
import { change, waitUntil } from '../shared-state.js';

const ABORT = 0;
const EPOCH = 1;
const ARRIVED = 2;
const CURSOR = 3;
const READY = 4;
const FINISHED = 5;
const PACKET_NUMBER = 6;
const RANGES = 7;
/** Sequence that the migration thread waits on. */
const MIGRATION = 8;
/** Sequence that the channel threads wait on. */
const CHANNELS = 9;
/** Number of the epoch after which there is none; 0 while it is not known. */
const LAST = 10;
const WORDS = 16;

/**
 * How the source's threads keep step. An epoch is what lies between two syncs (wire reference 3.4): the
 * migration thread opens it, the channel threads claim ranges of it until none is left, send their SYNC packet
 * and arrive; when all have arrived the migration thread writes the sync record on main.
 */
export class SourceControl {
  readonly buffer: SharedArrayBuffer;
  readonly #words: Int32Array;

  constructor(buffer: SharedArrayBuffer) {
    this.buffer = buffer;
    this.#words = new Int32Array(buffer);
  }

  static allocate(): SourceControl {
    return new SourceControl(new SharedArrayBuffer(WORDS * 4));
  }

  /** API thread: everybody stops at the next range or wait. */
  abort(): void {
    Atomics.store(this.#words, ABORT, 1);
    change(this.#words, MIGRATION);
    change(this.#words, CHANNELS);
  }

  /** @throws MultifdError `cancelled` once the migration was aborted; the first error is told elsewhere. */
  throwIfAborted(): void {
    if (Atomics.load(this.#words, ABORT) !== 0)
      throw new MultifdError('cancelled', 'the migration was aborted');
  }

  /**
   * Migration thread: opens the next epoch, of `ranges` ranges, the first `ready` of which may be sent now.
   * @param last there will be none after it.
   */
  openEpoch(ranges: number, ready: number, last: boolean): number {
    Atomics.store(this.#words, CURSOR, 0);
    Atomics.store(this.#words, READY, ready);
    Atomics.store(this.#words, RANGES, ranges);
    if (last) Atomics.store(this.#words, LAST, Atomics.load(this.#words, EPOCH) + 1);
    const epoch = Atomics.add(this.#words, EPOCH, 1) + 1;
    change(this.#words, CHANNELS);
    return epoch;
  }

  /** Migration thread: the first `ready` ranges of the open epoch may be sent. */
  raiseReady(ready: number): void {
    Atomics.store(this.#words, READY, ready);
    change(this.#words, CHANNELS);
  }

  /** Migration thread: waits until `channels` channels have sent their SYNC of `epoch`. */
  async allArrived(epoch: number, channels: number): Promise<void> {
    // Wraps like the counter itself: only equality counts, and nobody arrives early.
    const wanted = Math.imul(epoch, channels);
    await waitUntil(this.#words, MIGRATION, () => {
      this.throwIfAborted();
      return Atomics.load(this.#words, ARRIVED) === wanted || undefined;
    });
  }

  /** Migration thread: there will be no further epoch. */
  finish(): void {
    Atomics.store(this.#words, FINISHED, 1);
    change(this.#words, CHANNELS);
  }

  /** Channel thread: waits for epoch number `epoch`, from 1; false if there is none any more. */
  async epochOpens(epoch: number): Promise<boolean> {
    return waitUntil(this.#words, CHANNELS, () => {
      this.throwIfAborted();
      if (Atomics.load(this.#words, EPOCH) >= epoch) return true;
      return Atomics.load(this.#words, FINISHED) === 0 ? undefined : false;
    });
  }

  /** Channel thread: whether nothing comes after epoch number `epoch`. */
  isLast(epoch: number): boolean {
    return Atomics.load(this.#words, LAST) === epoch;
  }

  /** Whether epoch number `epoch` has been opened, or none will be any more. */
  hasOpened(epoch: number): boolean {
    return Atomics.load(this.#words, EPOCH) >= epoch || Atomics.load(this.#words, FINISHED) !== 0;
  }

  /** Channel thread: the number of a range that is now this channel's alone; undefined if all are taken. */
  claim(): number | undefined {
    const range = Atomics.add(this.#words, CURSOR, 1);
    return range < Atomics.load(this.#words, RANGES) ? range : undefined;
  }

  /** Channel thread: whether a claimed range may be sent already. */
  isReady(range: number): boolean {
    return range < Atomics.load(this.#words, READY);
  }

  /** Channel thread: waits until a claimed range may be sent. */
  async rangeReady(range: number): Promise<void> {
    await waitUntil(this.#words, CHANNELS, () => {
      this.throwIfAborted();
      return this.isReady(range) || undefined;
    });
  }

  /** Channel thread: its SYNC packet of this epoch is on its way. */
  arrive(): void {
    Atomics.add(this.#words, ARRIVED, 1);
    change(this.#words, MIGRATION);
  }

  /** The next packet number: one count for all channels (wire reference 4.3). */
  nextPacketNumber(): number {
    return Atomics.add(this.#words, PACKET_NUMBER, 1) >>> 0;
  }
}
