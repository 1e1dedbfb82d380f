import type { MultifdError } from '../../errors.js';
import type { MigrationParameters } from '../../parameters.js';
import { doesNotConverge, type Pace } from './convergence.js';

export interface TimeoutHost {
  readonly parameters: Pick<MigrationParameters, 'timeout' | 'limitAction'>;
  /** The guest may write while it migrates. */
  readonly live: boolean;
  /** Whether the guest was stopped, or is about to be: then the migration ends, one way or the other. */
  readonly isStopping: () => boolean;
  readonly pace: () => Pace;
  fail(error: MultifdError): void;
  /** Stops the guest; the round that is under way is the last but one. */
  suspend(): void;
}

/** The time limit of a whole migration (`timeout`): ends it, or stops its guest, while that still runs. */
export class Timeout {
  readonly #host: TimeoutHost;
  readonly #timer: NodeJS.Timeout | undefined;
  #isActive = false;
  #isOver = false;

  /** The clock starts. */
  constructor(host: TimeoutHost) {
    this.#host = host;
    const { timeout } = host.parameters;
    if (timeout > 0) this.#timer = setTimeout(() => this.#reached(), timeout);
  }

  /** The first round begins. */
  active(): void {
    this.#isActive = true;
    if (this.#isOver) this.#reached();
  }

  close(): void {
    clearTimeout(this.#timer);
  }

  #reached(): void {
    this.#isOver = true;
    const { parameters, live, isStopping, pace } = this.#host;
    if (isStopping()) return;
    if (parameters.limitAction === 'fail') {
      this.#host.fail(doesNotConverge(`${parameters.timeout} ms`, pace()));
      return;
    }
    // A guest that is not being sent yet would stand still for the whole of the setup. One at rest stands still anyway.
    if (this.#isActive && live) this.#host.suspend();
  }
}
