import type { MultifdError } from '../../errors.js';

/** ms for which a reason explains the end of a connection; an older one may be about another source. */
const VALID = 5_000;
/**
 * ms that the destination gets to give its reason on main, if it closed a channel and leaves main open: a busy one may take
 * seconds. A guest that is stopped stands still meanwhile, so it waits less.
 */
const PATIENCE = { running: 5_000, stopped: 1_000 } as const;

/** What is known when a thread other than main's fails. */
export interface WhenFailed {
  /** Main can bring a reason. */
  readonly returnPath: boolean;
  /** Whether the guest still runs, as far as this end can tell. */
  readonly guest: keyof typeof PATIENCE;
}

/** The destination's last reason. It ends nothing by itself: it explains why a connection ended. */
export class HeardReason {
  #reason: MultifdError | undefined;
  #since = 0;

  hear(reason: MultifdError): void {
    this.#reason = reason;
    this.#since = performance.now();
  }

  /** Returns the reason instead of an error that says only that the destination is gone. */
  explain(error: MultifdError): MultifdError {
    const isValid = this.#reason !== undefined && performance.now() - this.#since <= VALID;
    return isValid && error.code === 'peer-closed' ? (this.#reason ?? error) : error;
  }
}

/**
 * Holds back the error of a channel that the destination closed until main brings the reason or ends, or `PATIENCE` is
 * over: which of the connections ends first is chance. For the API thread of a source or relay.
 */
export class AwaitedReason {
  readonly #heard = new HeardReason();
  readonly #decide: (error: MultifdError) => void;
  #held: MultifdError | undefined;
  /** Main can bring a reason. */
  #isOpen = true;
  #timer: NodeJS.Timeout | undefined;

  /** @param decide called with the error that ends the migration. */
  constructor(decide: (error: MultifdError) => void) {
    this.#decide = decide;
  }

  hear(reason: MultifdError): void {
    this.#heard.hear(reason);
    this.#settle(reason);
  }

  /**
   * A thread other than main's has failed. Errors after one that is held are dropped: the first decides.
   */
  failed(error: MultifdError, { returnPath, guest }: WhenFailed): void {
    if (this.#held !== undefined) return;
    this.#held = this.#heard.explain(error);
    const mayCome = returnPath && this.#isOpen && error.code === 'peer-closed' && this.#held === error;
    if (!mayCome) this.#settle(this.#held);
    else this.#timer = setTimeout(() => this.#settle(error), PATIENCE[guest]);
  }

  /** Main has ended, before or behind a channel: it brings no reason any more. */
  mainEnded(): void {
    this.#isOpen = false;
    if (this.#held !== undefined) this.#settle(this.#held);
  }

  /** The migration is over: drops an error that is held. */
  close(): void {
    clearTimeout(this.#timer);
    this.#held = undefined;
  }

  #settle(error: MultifdError): void {
    if (this.#held === undefined) return;
    this.close();
    this.#decide(error);
  }
}
