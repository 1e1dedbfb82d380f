import { type GuestPlace, MultifdError } from '../errors.js';
import { change, waitUntil } from '../thread/shared-state.js';

/** Who has the guest: one word, so that threads never disagree. */
const DECISION = 0;
const EPOCH = 1;
const ARRIVED = 2;
const CURSOR = 3;
const READY = 4;
const FINISHED = 5;
const PACKET_NUMBER = 6;
const RANGES = 7;
/** Sequence number that the migration thread waits on. */
const MIGRATION = 8;
/** Sequence number that the channel threads wait on. */
const CHANNELS = 9;
/** Nonzero: all threads stop. */
const STOP = 11;
/** Flag of the chosen method, where the channels have several; 0 until one is chosen. */
const METHOD = 12;
/** Number of the last epoch; 0 while unknown. */
const LAST = 10;
/** `downtime-limit`, ms; may change while the migration runs. */
const DOWNTIME_LIMIT = 13;
/** Nonzero: the destination takes runs of zero pages. */
const ZERO_RUNS = 14;
/** Nonzero: the guest was stopped before it had converged. */
const SUSPENDED = 15;
/** What the destination has said: 0 nothing yet, else `ANSWERED` (a PING), or `MULTIFD` (that it is one). */
const PEER = 16;
const WORDS = 17;

const ANSWERED = 1;
const MULTIFD = 2;

/** The source has the guest. */
const OPEN = 0;
/** The source keeps the guest: the migration is off. */
const ABORTED = 1;
/** The destination may have the guest: only its reply decides. */
const HANDED_OVER = 2;
/** The destination has the guest. */
const CONFIRMED = 3;
/** The destination may have the guest, and the source has stopped waiting for its reply. */
const DOUBTED = 4;

/**
 * Synchronizes the source's threads. An epoch is the data between two syncs (docs/wire.md, 3.4): the migration thread
 * opens it; the channel threads claim its ranges until none is left, send their SYNC packet and arrive; once all have
 * arrived, the migration thread writes the sync record on main.
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

  /** Tries to keep the guest here. False, and nothing changes, if it has been handed over. */
  tryAbort(): boolean {
    const was = Atomics.compareExchange(this.#words, DECISION, OPEN, ABORTED);
    if (was === OPEN) this.#wakeAll();
    return was === OPEN || was === ABORTED;
  }

  /** API thread: stops all threads at their next range or wait, whoever has the guest. */
  abort(): void {
    this.tryAbort();
    Atomics.store(this.#words, STOP, 1);
    this.#wakeAll();
  }

  /**
   * Migration thread, before it sends the stream's end: from here on only the destination's reply decides.
   * @throws MultifdError `cancelled` if the migration was called off before.
   */
  handOver(): void {
    if (Atomics.compareExchange(this.#words, DECISION, OPEN, HANDED_OVER) !== OPEN) this.#throwAborted();
  }

  /** API thread: sets `downtime-limit` from now on. @param ms 0 to 2 000 000. */
  limitDowntime(ms: number): void {
    Atomics.store(this.#words, DOWNTIME_LIMIT, ms);
  }

  /** Migration thread: ms that the guest may be paused; read at the end of each round. */
  get downtimeLimit(): number {
    return Atomics.load(this.#words, DOWNTIME_LIMIT);
  }

  /** API thread: the guest has been stopped, so the round under way is the last but one. */
  suspend(): void {
    Atomics.store(this.#words, SUSPENDED, 1);
  }

  /** Migration thread: whether the guest stands still although it has not converged. */
  get isSuspended(): boolean {
    return Atomics.load(this.#words, SUSPENDED) !== 0;
  }

  /** API thread: from its next packet on, each channel uses its method with this flag. */
  chooseMethod(flag: number): void {
    Atomics.store(this.#words, METHOD, flag);
  }

  /** Channel thread: flag of the method chosen for the next packet; 0 until one is chosen. */
  get method(): number {
    return Atomics.load(this.#words, METHOD);
  }

  /** Migration thread: the destination takes runs of zero pages, from now on. */
  allowZeroRuns(): void {
    Atomics.store(this.#words, ZERO_RUNS, 1);
  }

  /** Channel thread: whether the destination takes runs of zero pages; once true, it stays so. */
  get zeroRuns(): boolean {
    return Atomics.load(this.#words, ZERO_RUNS) !== 0;
  }

  /** Migration thread: the destination has answered a PING. @param isMultifd it has said that it is one. */
  answered(isMultifd: boolean): void {
    if (isMultifd) Atomics.store(this.#words, PEER, MULTIFD);
    else Atomics.compareExchange(this.#words, PEER, 0, ANSWERED);
  }

  /** Whether the destination has answered: it has taken the configuration, with the machine type. */
  get hasAnswered(): boolean {
    return Atomics.load(this.#words, PEER) !== 0;
  }

  /** Whether the destination has said that it is a multifd, or a relay. */
  get isMultifd(): boolean {
    return Atomics.load(this.#words, PEER) === MULTIFD;
  }

  /** Migration thread: the destination reports that it has the guest. False if it cannot have it yet. */
  confirm(): boolean {
    const was = Atomics.compareExchange(this.#words, DECISION, HANDED_OVER, CONFIRMED);
    return was === HANDED_OVER || was === CONFIRMED;
  }

  /** Migration thread: the destination reports that it does not have the guest. */
  takeBack(): void {
    Atomics.compareExchange(this.#words, DECISION, HANDED_OVER, ABORTED);
  }

  /**
   * API thread: stops waiting for the destination's reply. From here on the guest's place does not change.
   * False if the destination has reported that it has the guest.
   */
  settle(): boolean {
    Atomics.compareExchange(this.#words, DECISION, HANDED_OVER, DOUBTED);
    return this.tryAbort() || !this.isConfirmed;
  }

  /** Who has the guest, as far as this end knows. */
  get guest(): GuestPlace {
    const decision = Atomics.load(this.#words, DECISION);
    if (decision === CONFIRMED) return 'destination';
    return decision === HANDED_OVER || decision === DOUBTED ? 'either' : 'source';
  }

  /** Whether the destination has reported that it has the guest. */
  get isConfirmed(): boolean {
    return Atomics.load(this.#words, DECISION) === CONFIRMED;
  }

  /** The guest stays at its source, whatever its threads are still doing. */
  get isAborted(): boolean {
    return Atomics.load(this.#words, DECISION) === ABORTED;
  }

  /** @throws MultifdError `cancelled` once all threads must stop; the first error is reported elsewhere. */
  throwIfAborted(): void {
    if (this.isAborted || Atomics.load(this.#words, STOP) !== 0) this.#throwAborted();
  }

  /**
   * Migration thread: opens the next epoch, of `ranges` ranges, the first `ready` of which may be sent now.
   * @param last no epoch follows it.
   * @returns the epoch's number, from 1.
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
    // Wraps like the counter: compare for equality only, as no channel arrives early.
    const wanted = Math.imul(epoch, channels);
    await waitUntil(this.#words, MIGRATION, () => {
      this.throwIfAborted();
      return Atomics.load(this.#words, ARRIVED) === wanted || undefined;
    });
  }

  /** Migration thread: no further epoch follows. */
  finish(): void {
    Atomics.store(this.#words, FINISHED, 1);
    change(this.#words, CHANNELS);
  }

  /** Channel thread: waits for epoch number `epoch`, from 1; false if no further epoch follows. */
  async epochOpens(epoch: number): Promise<boolean> {
    return waitUntil(this.#words, CHANNELS, () => {
      this.throwIfAborted();
      if (Atomics.load(this.#words, EPOCH) >= epoch) return true;
      return Atomics.load(this.#words, FINISHED) === 0 ? undefined : false;
    });
  }

  /** Channel thread: whether epoch number `epoch` is the last. */
  isLast(epoch: number): boolean {
    return Atomics.load(this.#words, LAST) === epoch;
  }

  /** Whether the first round of RAM is not over: epoch 1 is the setup sync, epoch 2 that round. */
  get isInFirstRound(): boolean {
    return Atomics.load(this.#words, EPOCH) <= 2;
  }

  /** Whether the last epoch is open: the guest is paused from then on. */
  get lastIsOpen(): boolean {
    return Atomics.load(this.#words, LAST) !== 0;
  }

  /** Whether epoch number `epoch` has been opened, or no further epoch follows. */
  hasOpened(epoch: number): boolean {
    return Atomics.load(this.#words, EPOCH) >= epoch || Atomics.load(this.#words, FINISHED) !== 0;
  }

  /** Channel thread: claims a range for this channel alone and returns its number; undefined if none is left. */
  claim(): number | undefined {
    const range = Atomics.add(this.#words, CURSOR, 1);
    return range < Atomics.load(this.#words, RANGES) ? range : undefined;
  }

  /** Number of ranges of the open epoch that channels have claimed. */
  get claimed(): number {
    return Math.min(Atomics.load(this.#words, CURSOR), Atomics.load(this.#words, RANGES));
  }

  /** Channel thread: number of unclaimed ranges of the open epoch. */
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

  /** Channel thread: has sent its SYNC packet of this epoch. */
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

  /** Returns the next packet number, counted over all channels (docs/wire.md, 4.3). */
  nextPacketNumber(): number {
    return Atomics.add(this.#words, PACKET_NUMBER, 1) >>> 0;
  }
}
