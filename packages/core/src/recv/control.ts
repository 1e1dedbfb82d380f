import { type GuestPlace, MultifdError } from '../errors.js';
import { change, waitUntil } from '../thread/shared-state.js';

const ABORT = 0;
const RELEASED = 1;
const ENDED = 2;
/** Sequence that the main thread waits on. */
const MAIN = 3;
/** Sequence that the channel threads wait on. */
const CHANNELS = 4;
/** Who has the guest: one word, so that the threads can never disagree. */
const DECISION = 5;
/** Who waits for our word, a place in `WAITING`; 0 until main has come so far that it would have said so. */
const RETURN_PATH = 6;
/** Cut number that main waits for; 0 while it does not wait. */
const WANTED = 7;
/** Whether main's connection was seen to end while its thread waited for something else. */
const MAIN_GONE = 8;
/** From here on `WORDS` words for each channel. */
const PER_CHANNEL = 16;
const SYNCED = 0;
/** All that came on it was read, and nothing more will come. */
const CLOSED = 1;
/** Its connection was seen to end; what came before that may not have been read yet. */
const GONE = 2;
const WORDS = 3;

/** The source has the guest; it has not been told anything. */
const OPEN = 0;
/** It keeps it: the migration is off. */
const ABORTED = 1;
/** It is told that this end has the guest: that cannot be taken back. */
const TOLD = 2;
/** It waits for no word, and everything is here: it has let go of its guest, and this is all there is of it. */
const LEFT = 3;

/**
 * Who waits for our word before the guest is let go of: its source; only a relay between, which has the guest no more than
 * in passing; or nobody.
 */
export type Waiting = 'source' | 'relay' | 'nobody';
const WAITING: readonly (Waiting | undefined)[] = [undefined, 'source', 'relay', 'nobody'];

/**
 * How the destination's threads keep the rule of docs/wire.md, 3.4: everything before cut `k`, on main and on
 * all channels, is applied before anything after cut `k` on any of them.
 */
export class DestinationControl {
  readonly buffer: SharedArrayBuffer;
  readonly #words: Int32Array;

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

  /** Main: everything is here. From now on only a failure ends it, if the source does not wait for our word. */
  arrived(): void {
    if (this.guest === 'either') Atomics.compareExchange(this.#words, DECISION, OPEN, LEFT);
  }

  /** Whether the guest has left a source that waits for no word, and has not been kept here yet. */
  get hasLeft(): boolean {
    return Atomics.load(this.#words, DECISION) === LEFT;
  }

  /** API thread: the user does not want the guest. False if its source has let go of it already, told or not. */
  callOff(): boolean {
    const was = Atomics.compareExchange(this.#words, DECISION, OPEN, ABORTED);
    return was === OPEN || was === ABORTED;
  }

  /** After a failure: the source keeps its guest, if it waits for our word. False if it has been told that it does not. */
  giveUp(): boolean {
    Atomics.compareExchange(this.#words, DECISION, LEFT, ABORTED);
    return Atomics.compareExchange(this.#words, DECISION, OPEN, ABORTED) !== TOLD;
  }

  /** Main, right before its word of success goes out. @throws MultifdError `cancelled` if the migration is off. */
  tell(): void {
    Atomics.compareExchange(this.#words, DECISION, LEFT, TOLD);
    Atomics.compareExchange(this.#words, DECISION, OPEN, TOLD);
    if (!this.isTold) throw aborted();
  }

  /** Whether the source has been told, or does not listen: the guest is here for good. */
  get isTold(): boolean {
    return Atomics.load(this.#words, DECISION) === TOLD;
  }

  /** Main: who waits for our word. Said before any page is taken. */
  waitsForUs(who: Waiting): void {
    Atomics.store(this.#words, RETURN_PATH, WAITING.indexOf(who));
  }

  get #waiting(): Waiting | undefined {
    return WAITING[Atomics.load(this.#words, RETURN_PATH)];
  }

  /**
   * Who has the guest, as far as this end can know: a source that does not wait for our word lets go of its guest with
   * its last byte, whatever becomes of it.
   */
  get guest(): GuestPlace {
    if (this.isTold) return 'destination';
    return this.#waiting === undefined || this.#waiting === 'source' ? 'source' : 'either';
  }

  /** API thread: everybody stops at the next wait. */
  abort(): void {
    this.giveUp();
    Atomics.store(this.#words, ABORT, 1);
    change(this.#words, MAIN);
    change(this.#words, CHANNELS);
  }

  /** Main: waits until every channel has reached its SYNC number `cut`, from 1, then lets all go on. */
  async passCut(cut: number): Promise<void> {
    await this.cutReached(cut);
    this.release(cut);
  }

  /** Main: waits until every channel has reached its SYNC number `cut`. None of them goes on before `release`. */
  async cutReached(cut: number): Promise<void> {
    Atomics.store(this.#words, WANTED, cut);
    await waitUntil(this.#words, MAIN, () => {
      this.#throwIfAborted();
      let reached = 0;
      for (let channel = 0; channel < this.#channels; channel++) {
        const at = this.#at(channel);
        if (Atomics.load(this.#words, at + SYNCED) >= cut) reached++;
        else if (Atomics.load(this.#words, at + CLOSED) !== 0) throw closedEarly(channel, cut);
      }
      return reached === this.#channels || undefined;
    });
    Atomics.store(this.#words, WANTED, 0);
  }

  /** Of a channel that main waits for: the number of the SYNC that is due; undefined of every other. */
  due(channel: number): number | undefined {
    const cut = Atomics.load(this.#words, WANTED);
    return cut > Atomics.load(this.#words, this.#at(channel) + SYNCED) ? cut : undefined;
  }

  /** Main: lets the channels go on behind cut number `cut`. */
  release(cut: number): void {
    Atomics.store(this.#words, RELEASED, cut);
    change(this.#words, CHANNELS);
  }

  /** Main: there is nothing after this but what a channel may still send for no one. */
  end(): void {
    Atomics.store(this.#words, ENDED, 1);
    change(this.#words, CHANNELS);
  }

  /** Channel: has reached SYNC number `cut`. Waits until all others have; false if the migration is over. */
  async reachCut(channel: number, cut: number): Promise<boolean> {
    Atomics.store(this.#words, this.#at(channel) + SYNCED, cut);
    change(this.#words, MAIN);
    return waitUntil(this.#words, CHANNELS, () => {
      this.#throwIfAborted();
      if (Atomics.load(this.#words, RELEASED) >= cut) return true;
      return Atomics.load(this.#words, ENDED) === 0 ? undefined : false;
    });
  }

  /** Channel: its connection has ended, between two packets. */
  close(channel: number): void {
    Atomics.store(this.#words, this.#at(channel) + CLOSED, 1);
    this.gone(channel);
    change(this.#words, MAIN);
  }

  /** A connection was seen to end. @param channel undefined: main. */
  gone(channel: number | undefined): void {
    Atomics.store(this.#words, channel === undefined ? MAIN_GONE : this.#at(channel) + GONE, 1);
  }

  /** API thread: a connection that has ended before all was here, as messages call it; undefined if none has. */
  get goneEarly(): string | undefined {
    if (Atomics.load(this.#words, ENDED) !== 0) return undefined;
    if (Atomics.load(this.#words, MAIN_GONE) !== 0) return 'main stream';
    for (let channel = 0; channel < this.#channels; channel++)
      if (Atomics.load(this.#words, this.#at(channel) + GONE) !== 0) return `channel ${channel}`;
    return undefined;
  }

  /** Whether who sends to us waits for our word: then it closes nothing before it has it. */
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

function closedEarly(channel: number, cut: number): MultifdError {
  return new MultifdError('peer-closed', `channel ${channel}: the source closed it before sync ${cut}`, {
    hint: "see the source's own message",
  });
}
