/** Number of the API thread, as of whoever fails. */
export const API_THREAD = 1;
const NOBODY = 0;
/** ms that the words of the first failure may take: they are on their way. */
const PATIENCE = 2_000;

/** A thread's part in a `FirstFailure`. Plain data, for `workerData`. */
export interface FailureClaim {
  readonly words: SharedArrayBuffer;
  readonly number: number;
}

/** In the thread that fails, before it closes anything: was nobody else first, it is now. */
export function claimFailure({ words, number }: FailureClaim): void {
  Atomics.compareExchange(new Int32Array(words), 0, NOBODY, number);
}

/**
 * Which failure of a migration came first. One leads to others: a thread whose disk is full drops its connection, the
 * peer closes the rest, and other threads fail because of that. Each tells the API thread on a port of its own, and
 * between ports there is no order. So a thread that fails says so in one shared word first, then drops what it has;
 * and whoever was later is not listened to before that one has been heard.
 */
export class FirstFailure {
  readonly #words = new Int32Array(new SharedArrayBuffer(4));
  #threads = API_THREAD;
  #held: (() => void)[] = [];
  #isHeard = false;
  #timer: NodeJS.Timeout | undefined;

  /** For one more thread. */
  newThread(): FailureClaim {
    return { words: this.#words.buffer, number: ++this.#threads };
  }

  /**
   * A failure of the thread `number` has come: calls `tell` at once if it is the first or the first was heard, else
   * behind that one. Does nothing more for a failure that is told twice.
   */
  hear(number: number, tell: () => void): void {
    const first = Atomics.compareExchange(this.#words, 0, NOBODY, number);
    if (this.#isHeard) {
      tell();
    } else if (first === NOBODY || first === number) {
      this.#isHeard = true;
      tell();
      this.#tellRest();
    } else {
      this.#held.push(tell);
      // Timers come before messages where this thread was busy: those that have arrived are read first.
      this.#timer ??= setTimeout(() => setImmediate(() => this.#tellRest()), PATIENCE);
    }
  }

  /** The migration is over: who is held back does not matter any more, and nobody is from now on. */
  close(): void {
    this.#isHeard = true;
    clearTimeout(this.#timer);
    this.#held = [];
  }

  #tellRest(): void {
    this.#isHeard = true;
    clearTimeout(this.#timer);
    for (const tell of this.#held.splice(0)) tell();
  }
}
