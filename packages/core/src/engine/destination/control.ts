import { MultifdError } from '../../errors.js';
import { change, waitUntil } from '../shared-state.js';

const ABORT = 0;
const RELEASED = 1;
const ENDED = 2;
/** Sequence that the main thread waits on. */
const MAIN = 3;
/** Sequence that the channel threads wait on. */
const CHANNELS = 4;
/** From here on two words for each channel. */
const PER_CHANNEL = 8;
const SYNCED = 0;
const CLOSED = 1;

/**
 * How the destination's threads keep the rule of wire reference 3.4: everything before cut `k`, on main and on
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
    return new DestinationControl(new SharedArrayBuffer((PER_CHANNEL + 2 * channels) * 4));
  }

  get #channels(): number {
    return (this.#words.length - PER_CHANNEL) / 2;
  }

  /** API thread: everybody stops at the next wait. */
  abort(): void {
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
    await waitUntil(this.#words, MAIN, () => {
      this.#throwIfAborted();
      let reached = 0;
      for (let channel = 0; channel < this.#channels; channel++) {
        const at = PER_CHANNEL + 2 * channel;
        if (Atomics.load(this.#words, at + SYNCED) >= cut) reached++;
        else if (Atomics.load(this.#words, at + CLOSED) !== 0) throw closedEarly(channel, cut);
      }
      return reached === this.#channels || undefined;
    });
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
    Atomics.store(this.#words, PER_CHANNEL + 2 * channel + SYNCED, cut);
    change(this.#words, MAIN);
    return waitUntil(this.#words, CHANNELS, () => {
      this.#throwIfAborted();
      if (Atomics.load(this.#words, RELEASED) >= cut) return true;
      return Atomics.load(this.#words, ENDED) === 0 ? undefined : false;
    });
  }

  /** Channel: its connection has ended, between two packets. */
  close(channel: number): void {
    Atomics.store(this.#words, PER_CHANNEL + 2 * channel + CLOSED, 1);
    change(this.#words, MAIN);
  }

  #throwIfAborted(): void {
    if (Atomics.load(this.#words, ABORT) !== 0)
      throw new MultifdError('cancelled', 'the migration was aborted');
  }
}

function closedEarly(channel: number, cut: number): MultifdError {
  return new MultifdError('peer-closed', `channel ${channel}: the source closed it before sync ${cut}`, {
    hint: "see the source's own message; its guest is intact there",
  });
}
