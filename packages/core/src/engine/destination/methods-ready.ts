import { MultifdError } from '../../errors.js';
import { methodsFor } from '../../methods/automatic.js';
import { methodNotReady } from '../../methods/diagnosis.js';
import { AUTO } from '../../methods/shape.js';
import type { MigrationParameters } from '../../parameters.js';
import { inTime } from '../../time-limit.js';

/** Limits how long a destination's methods may take to load: before that, no source is expected. */
export class MethodsReady {
  readonly #parameters: MigrationParameters;
  readonly #failed: (error: MultifdError) => void;
  readonly #timer: NodeJS.Timeout;

  /**
   * Starts the limit, `setupTimeout`.
   * @param threadsReady threads that have loaded what they need, so far.
   */
  constructor(
    parameters: MigrationParameters,
    threadsReady: () => number,
    failed: (error: MultifdError) => void,
  ) {
    this.#parameters = parameters;
    this.#failed = failed;
    this.#timer = setTimeout(() => this.#look(threadsReady()), parameters.setupTimeout);
  }

  /** For `auto`: loads all methods here, so that a module that cannot be loaded is reported at once. */
  check(modules: readonly string[]): void {
    const { multifdCompression, setupTimeout } = this.#parameters;
    if (multifdCompression !== AUTO) return;
    const what = 'multifd-compression auto: its methods did not load';
    const limit = { timeout: setupTimeout, what, code: 'codec-unavailable' } as const;
    inTime(methodsFor(AUTO, modules), limit).catch((error: unknown) =>
      this.#failed(MultifdError.from(error, 'codec-unavailable', 'multifd-compression auto')),
    );
  }

  /** Ends the wait. */
  close(): void {
    clearTimeout(this.#timer);
  }

  #look(ready: number): void {
    const { multifdChannels, multifdCompression, setupTimeout } = this.#parameters;
    if (['none', AUTO].includes(multifdCompression)) return;
    const threads = multifdChannels + 1;
    const missing = threads - ready;
    if (missing <= 0) return;
    this.#failed(
      methodNotReady(this.#parameters, `in ${missing} of ${threads} threads after ${setupTimeout} ms`),
    );
  }
}
