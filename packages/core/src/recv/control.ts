import { type GuestPlace, MultifdError } from '../errors.js';
import { change, waitUntil } from '../thread/shared-state.js';
import { type ChannelTotals, NumberCheck } from './packet-numbers.js';

const ABORT = 0;
const RELEASED = 1;
const ENDED = 2;
/** Sequence number that the main thread waits on. */
const MAIN = 3;
/** Sequence number that the channel threads wait on. */
const CHANNELS = 4;
/** Who has the guest: one word, so that threads never disagree. */
const DECISION = 5;
/** Who waits for our reply: an index in `WAITING`; 0 until main has read far enough to know. */
const RETURN_PATH = 6;
/** Number of the sync that main waits for; 0 while it does not wait. */
const WANTED = 7;
/** Nonzero: main's connection ended while its thread waited for something else. */
const MAIN_GONE = 8;
/** Index of the first channel's words; each channel has `WORDS`. */
const PER_CHANNEL = 16;
const SYNCED = 0;
/** The channel has ended and everything it sent was read. */
const CLOSED = 1;
/** Its connection has ended; bytes before the end may be unread. */
const GONE = 2;
/** Totals of its packets' numbers up to the SYNC that it has reached (`ChannelTotals`). */
const COUNT = 3;
const RENUMBERED = 4;
const SUM = 5;
const HASH = 6;
const LAST = 7;
const WORDS = 8;

/** The source has the guest; this end has not replied. */
const OPEN = 0;
/** The source keeps the guest: the migration is off. */
const ABORTED = 1;
/** The source is told that this end has the guest; irrevocable. */
const TOLD = 2;
/**
 * Everything has arrived from a source that waits for no reply: it has released its guest, and this is the only copy.
 */
const LEFT = 3;

/**
 * Who waits for our reply before releasing the guest: its source; only a relay in between, which merely passes the
 * guest on; or nobody.
 */
export type Waiting = 'source' | 'relay' | 'nobody';
const WAITING: readonly (Waiting | undefined)[] = [undefined, 'source', 'relay', 'nobody'];

/**
 * Enforces the rule of docs/wire.md, 3.4, among the destination's threads: everything before sync `k`, on main and on
 * all channels, is applied before anything after sync `k` on any of them.
 */
export class DestinationControl {
  readonly buffer: SharedArrayBuffer;
  readonly #words: Int32Array;
  /** Main's. */
  readonly #numbers = new NumberCheck();

  constructor(buffer: SharedArrayBuffer) {
    this.buffer = buffer;
    this.#words = new Int32Array(buffer);
  }

  static allocate(channels: number): DestinationControl {
    return new DestinationControl(new SharedArrayBuffer((PER_CHANNEL + WORDS * channels) * 4));
  }

  get #channels(): number {
    return (this.#words.length - PER_CHANNEL) / WORDS;
  }

  /**
   * Main: everything has arrived. If the source waits for no reply, only a failure can end the migration from now on.
   */
  arrived(): void {
    if (this.guest === 'either') Atomics.compareExchange(this.#words, DECISION, OPEN, LEFT);
  }

  /** Whether the guest has left a source that waits for no reply, and this end has not taken it over yet. */
  get hasLeft(): boolean {
    return Atomics.load(this.#words, DECISION) === LEFT;
  }

  /** API thread: the user cancels. False if the source has released the guest already, told or not. */
  callOff(): boolean {
    const was = Atomics.compareExchange(this.#words, DECISION, OPEN, ABORTED);
    return was === OPEN || was === ABORTED;
  }

  /**
   * After a failure: a source that waits for our reply keeps its guest. False if it was told that this end has it.
   */
  giveUp(): boolean {
    Atomics.compareExchange(this.#words, DECISION, LEFT, ABORTED);
    return Atomics.compareExchange(this.#words, DECISION, OPEN, ABORTED) !== TOLD;
  }

  /** Main, right before it reports success. @throws MultifdError `cancelled` if the migration is off. */
  tell(): void {
    Atomics.compareExchange(this.#words, DECISION, LEFT, TOLD);
    Atomics.compareExchange(this.#words, DECISION, OPEN, TOLD);
    if (!this.isTold) throw aborted();
  }

  /** Whether `tell` has succeeded: the guest is here for good. */
  get isTold(): boolean {
    return Atomics.load(this.#words, DECISION) === TOLD;
  }

  /** Main: sets who waits for our reply. Called before any page is received. */
  waitsForUs(who: Waiting): void {
    Atomics.store(this.#words, RETURN_PATH, WAITING.indexOf(who));
  }

  get #waiting(): Waiting | undefined {
    return WAITING[Atomics.load(this.#words, RETURN_PATH)];
  }

  /**
   * Who has the guest, as far as this end knows: a source that does not wait for our reply releases its guest with
   * its last byte, even if the guest is lost here.
   */
  get guest(): GuestPlace {
    if (this.isTold) return 'destination';
    return this.#waiting === undefined || this.#waiting === 'source' ? 'source' : 'either';
  }

  /** API thread: stops all threads at their next wait. */
  abort(): void {
    this.giveUp();
    Atomics.store(this.#words, ABORT, 1);
    change(this.#words, MAIN);
    change(this.#words, CHANNELS);
  }

  /** Main: waits until every channel has reached its SYNC number `sync`, from 1, then releases all. */
  async passSync(sync: number): Promise<void> {
    await this.syncReached(sync);
    this.release(sync);
  }

  /**
   * Main: waits until every channel has reached its SYNC number `sync`. The channels then wait for `release`.
   * @throws MultifdError `protocol` if the channels are of several sources.
   */
  async syncReached(sync: number): Promise<void> {
    Atomics.store(this.#words, WANTED, sync);
    await waitUntil(this.#words, MAIN, () => {
      this.#throwIfAborted();
      let reached = 0;
      for (let channel = 0; channel < this.#channels; channel++) {
        const at = this.#at(channel);
        if (Atomics.load(this.#words, at + SYNCED) >= sync) reached++;
        else if (Atomics.load(this.#words, at + CLOSED) !== 0) throw closedEarly(channel, sync);
      }
      return reached === this.#channels || undefined;
    });
    Atomics.store(this.#words, WANTED, 0);
    const due = this.#numbers.mismatch(this.#totals());
    if (due !== undefined) throw mixed(sync, due);
  }

  #totals(): ChannelTotals[] {
    return Array.from({ length: this.#channels }, (_, channel) => {
      const load = (word: number): number => Atomics.load(this.#words, this.#at(channel) + word);
      return {
        count: load(COUNT),
        renumbered: load(RENUMBERED),
        sum: load(SUM),
        hash: load(HASH),
        last: load(LAST),
      };
    });
  }

  /** The number of the SYNC that main waits for on this channel; undefined if it waits for none. */
  due(channel: number): number | undefined {
    const sync = Atomics.load(this.#words, WANTED);
    return sync > Atomics.load(this.#words, this.#at(channel) + SYNCED) ? sync : undefined;
  }

  /** Main: releases the channels past sync number `sync`. */
  release(sync: number): void {
    Atomics.store(this.#words, RELEASED, sync);
    change(this.#words, CHANNELS);
  }

  /** Main: the migration's data ends here; channels may only send surplus bytes from now on. */
  end(): void {
    Atomics.store(this.#words, ENDED, 1);
    change(this.#words, CHANNELS);
  }

  /** Channel: has reached SYNC number `sync`; waits for its release. False if the migration is over. */
  async reachSync(channel: number, sync: number, numbers: ChannelTotals): Promise<boolean> {
    const at = this.#at(channel);
    Atomics.store(this.#words, at + COUNT, numbers.count);
    Atomics.store(this.#words, at + RENUMBERED, numbers.renumbered);
    Atomics.store(this.#words, at + SUM, numbers.sum);
    Atomics.store(this.#words, at + HASH, numbers.hash);
    Atomics.store(this.#words, at + LAST, numbers.last);
    Atomics.store(this.#words, at + SYNCED, sync);
    change(this.#words, MAIN);
    return waitUntil(this.#words, CHANNELS, () => {
      this.#throwIfAborted();
      if (Atomics.load(this.#words, RELEASED) >= sync) return true;
      return Atomics.load(this.#words, ENDED) === 0 ? undefined : false;
    });
  }

  /** Channel: its connection has ended between two packets. */
  close(channel: number): void {
    Atomics.store(this.#words, this.#at(channel) + CLOSED, 1);
    this.gone(channel);
    change(this.#words, MAIN);
  }

  /** Records that a connection has ended. @param channel undefined: main. */
  gone(channel: number | undefined): void {
    Atomics.store(this.#words, channel === undefined ? MAIN_GONE : this.#at(channel) + GONE, 1);
  }

  /** API thread: name, for messages, of a connection that ended before everything arrived; undefined if none did. */
  get goneEarly(): string | undefined {
    if (Atomics.load(this.#words, ENDED) !== 0) return undefined;
    if (Atomics.load(this.#words, MAIN_GONE) !== 0) return 'main stream';
    for (let channel = 0; channel < this.#channels; channel++)
      if (Atomics.load(this.#words, this.#at(channel) + GONE) !== 0) return `channel ${channel}`;
    return undefined;
  }

  /** Whether main's thread has read who waits for our reply. */
  get knowsWhoWaits(): boolean {
    return this.#waiting !== undefined;
  }

  /** Whether the sender waits for our reply: then it closes no connection before it has the reply. */
  get isWaitedFor(): boolean {
    return this.#waiting === 'source' || this.#waiting === 'relay';
  }

  #at(channel: number): number {
    return PER_CHANNEL + WORDS * channel;
  }

  #throwIfAborted(): void {
    if (Atomics.load(this.#words, ABORT) !== 0) throw aborted();
  }
}

function aborted(): MultifdError {
  return new MultifdError('cancelled', 'the migration was aborted');
}

function closedEarly(channel: number, sync: number): MultifdError {
  return new MultifdError('peer-closed', `channel ${channel}: the source closed it before sync ${sync}`, {
    hint: "see the source's own message",
  });
}

function mixed(sync: number, due: { readonly first: number; readonly last: number }): MultifdError {
  const numbers = `${due.first} to ${due.last}`;
  return new MultifdError(
    'protocol',
    `channels of two sources were mixed: at sync ${sync} the packets of all channels must be numbered ${numbers}, each number once`,
    { hint: 'two sources connected to this address at the same time: start them one after the other' },
  );
}
