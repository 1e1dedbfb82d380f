import { type GuestPlace, MultifdError } from '../errors.js';
import { change, waitUntil } from '../thread/shared-state.js';

/** Who has the guest: one word, so that the threads can never disagree. */
const DECISION = 0;
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
/** Everybody stops. */
const STOP = 11;
/** Flag of the method that was chosen, where the channels have several; 0 until one was. */
const METHOD = 12;
/** Number of the epoch after which there is none; 0 while it is not known. */
const LAST = 10;
/** `downtime-limit`, ms: it may be changed while the migration runs. */
const DOWNTIME_LIMIT = 13;
const WORDS = 16;

/** The source has the guest. */
const OPEN = 0;
/** The source keeps it: the migration is off. */
const ABORTED = 1;
/** The destination may have it: only its word decides. */
const HANDED_OVER = 2;
/** The destination has it. */
const CONFIRMED = 3;
/** The destination may have it, and was not waited for any longer. */
const DOUBTED = 4;

/**
 * How the source's threads keep step. An epoch is what lies between two syncs (docs/wire.md, 3.4): the
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

  /**
   * The guest stays here. False if it has been handed over: then nothing is changed.
   */
  keep(): boolean {
    const was = Atomics.compareExchange(this.#words, DECISION, OPEN, ABORTED);
    if (was === OPEN) this.#wakeAll();
    return was === OPEN || was === ABORTED;
  }

  /** API thread: everybody stops at the next range or wait, whoever has the guest. */
  abort(): void {
    this.keep();
    Atomics.store(this.#words, STOP, 1);
    this.#wakeAll();
  }

  /**
   * Migration thread, before the stream's end goes out: from here on only the destination's word decides.
   * @throws MultifdError `cancelled` if the migration was called off before.
   */
  handOver(): void {
    if (Atomics.compareExchange(this.#words, DECISION, OPEN, HANDED_OVER) !== OPEN) this.#throwAborted();
  }

  /** API thread: `downtime-limit` from now on. @param ms 0 to 2 000 000. */
  limitDowntime(ms: number): void {
    Atomics.store(this.#words, DOWNTIME_LIMIT, ms);
  }

  /** Migration thread: ms that the guest may stand still, asked at the end of each round. */
  get downtimeLimit(): number {
    return Atomics.load(this.#words, DOWNTIME_LIMIT);
  }

  /** API thread: from the next packet on, each channel sends with its method of this flag. */
  chooseMethod(flag: number): void {
    Atomics.store(this.#words, METHOD, flag);
  }

  /** Channel: flag of the method that was chosen for the next packet; 0 until one was. */
  get method(): number {
    return Atomics.load(this.#words, METHOD);
  }

  /** Migration thread: the destination says that it has the guest. False if it cannot have it yet. */
  confirm(): boolean {
    const was = Atomics.compareExchange(this.#words, DECISION, HANDED_OVER, CONFIRMED);
    return was === HANDED_OVER || was === CONFIRMED;
  }

  /** Migration thread: the destination says that it does not have the guest. */
  takeBack(): void {
    Atomics.compareExchange(this.#words, DECISION, HANDED_OVER, ABORTED);
  }

  /**
   * API thread: nobody waits for the destination's word any more. From here on the guest's place does not change.
   * False if the destination has said that it has the guest.
   */
  settle(): boolean {
    Atomics.compareExchange(this.#words, DECISION, HANDED_OVER, DOUBTED);
    return this.keep() || !this.isConfirmed;
  }

  /** Who has the guest, as far as this end can know. */
  get guest(): GuestPlace {
    const decision = Atomics.load(this.#words, DECISION);
    if (decision === CONFIRMED) return 'destination';
    return decision === HANDED_OVER || decision === DOUBTED ? 'either' : 'source';
  }

  /** Whether the destination has said that it has the guest. */
  get isConfirmed(): boolean {
    return Atomics.load(this.#words, DECISION) === CONFIRMED;
  }

  /** @throws MultifdError `cancelled` once everybody has to stop; the first error is told elsewhere. */
  throwIfAborted(): void {
    const decision = Atomics.load(this.#words, DECISION);
    if (decision === ABORTED || Atomics.load(this.#words, STOP) !== 0) this.#throwAborted();
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

  /** Whether the last epoch has been opened, and with it whatever is sent now is of a guest that stands still. */
  get lastIsOpen(): boolean {
    return Atomics.load(this.#words, LAST) !== 0;
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

  /** Number of ranges of the open epoch that are or were somebody's. */
  get claimed(): number {
    return Math.min(Atomics.load(this.#words, CURSOR), Atomics.load(this.#words, RANGES));
  }

  /** Channel thread: ranges of the open epoch that nobody has claimed yet. */
  get unclaimed(): number {
    return Math.max(0, Atomics.load(this.#words, RANGES) - Atomics.load(this.#words, CURSOR));
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

  #throwAborted(): never {
    throw new MultifdError('cancelled', 'the migration was aborted');
  }

  #wakeAll(): void {
    change(this.#words, MIGRATION);
    change(this.#words, CHANNELS);
  }

  /** The next packet number: one count for all channels (docs/wire.md, 4.3). */
  nextPacketNumber(): number {
    return Atomics.add(this.#words, PACKET_NUMBER, 1) >>> 0;
  }
}
