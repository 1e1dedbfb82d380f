/** The API thread's number. */
export const API_THREAD = 1;
const NOBODY = 0;
/** ms to wait for the first failure's message, which is on its way. */
const PATIENCE = 2_000;

/** A thread's part in a `FirstFailure`. Plain data, for `workerData`. */
export interface FailureClaim {
  readonly words: SharedArrayBuffer;
  readonly number: number;
}

/** Claims to be the first failure. Called in the failing thread, before it closes anything. */
export function claimFailure({ words, number }: FailureClaim): void {
  Atomics.compareExchange(new Int32Array(words), 0, NOBODY, number);
}

/**
 * Finds which failure of a migration came first. One leads to others: a thread whose disk is full drops its
 * connection, the peer closes the rest, and other threads fail because of that. Each reports to the API thread on its
 * own port, and messages of different ports have no order. So a failing thread first claims one shared word, then
 * drops its resources; the API thread holds later failures back until it has heard the first.
 */
export class FirstFailure {
  readonly #words = new Int32Array(new SharedArrayBuffer(4));
  #threads = API_THREAD;
  #held: (() => void)[] = [];
  #isHeard = false;
  #timer: NodeJS.Timeout | undefined;

  /** Creates the claim of one more thread. */
  newThread(): FailureClaim {
    return { words: this.#words.buffer, number: ++this.#threads };
  }

  /**
   * A failure of thread `number` has arrived: calls `tell` at once if it is the first or the first was heard, else
   * after that one. A thread may report its failure twice.
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
      // After a busy spell timers run before messages: setImmediate lets messages that have arrived go first.
      this.#timer ??= setTimeout(() => setImmediate(() => this.#tellRest()), PATIENCE);
    }
  }

  /** The migration is over: drops the failures held back, and holds back none from now on. */
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
