import type { GuestPages } from './guest-pages.js';
import { writeRandom } from './page-content.js';
import { mixCount } from './random.js';

const PAGE_LANE = 0;
const CONTENT_LANE = 1;
const ACTION_LANE = 2;

/**
 * Write number `counter` of the demo guest: a page picked from all of its RAM gets new random content, is cleared
 * (one in 16), or has a single word changed (one in 16). It depends on the arguments only. Written first, marked
 * afterwards: see `DirtyBitmap`.
 */
export function writeOnce(pages: GuestPages, seed: number, counter: number): void {
  const page = Math.floor((mixCount(seed, counter, PAGE_LANE) / 2 ** 32) * pages.count);
  const content = mixCount(seed, counter, CONTENT_LANE);
  const { words, first } = pages.look(page);
  const action = mixCount(seed, counter, ACTION_LANE) & 15;
  if (action === 0) words.fill(0, first, first + pages.wordsPerPage);
  else if (action === 1) words[first + (content % pages.wordsPerPage)] = content;
  else writeRandom(words, first, pages.wordsPerPage, content);
  pages.mark(page);
}

/** How many writes are due, so that over time they come to `rate` bytes a second. */
export class WritePace {
  readonly #pagesPerMs: number;
  readonly #most: number;
  #owed: number;
  #last: number;

  /**
   * @param rate bytes a second.
   * @param now ms of any clock that only goes forward.
   */
  constructor(rate: number, pageSize: number, now: number) {
    this.#pagesPerMs = rate / pageSize / 1000;
    // A thread that was not scheduled for longer does not catch up: a burst would not be the rate asked for.
    this.#most = Math.max(1, this.#pagesPerMs * 100);
    this.#owed = 1;
    this.#last = now;
  }

  /** Whole writes due at `now`. */
  due(now: number): number {
    this.#owed = Math.min(this.#most, this.#owed + (now - this.#last) * this.#pagesPerMs);
    this.#last = now;
    return Math.floor(this.#owed);
  }

  done(writes: number): void {
    this.#owed -= writes;
  }

  /** The processor has stood still for so many ms: nothing became due meanwhile. */
  stoodStill(ms: number): void {
    this.#last += ms;
  }
}

/** ms that a throttled processor runs at a time, as in QEMU. */
const SLICE = 10;

/** When a throttled processor stands still, and for how long, as QEMU has it: runs 10 ms, then stands. */
export class ThrottleClock {
  #ran = 0;

  /**
   * @param ran ms that the processor has run since the last call.
   * @param percent of the time that it is to stand still, 0 to 99.
   * @returns ms that it stands still now.
   */
  pause(ran: number, percent: number): number {
    this.#ran += ran;
    if (this.#ran < SLICE) return 0;
    const pause = (this.#ran * percent) / (100 - percent);
    this.#ran = 0;
    return pause;
  }
}
