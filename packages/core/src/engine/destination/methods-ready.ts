import { MultifdError } from '../../errors.js';
import { methodsFor } from '../../methods/automatic.js';
import { methodNotReady } from '../../methods/diagnosis.js';
import { AUTO } from '../../methods/registry.js';
import type { MigrationParameters } from '../../parameters.js';
import { inTime } from '../../time-limit.js';

/** Sees to it that a destination's methods load before anybody connects: no source can be late yet, but a module can. */
export class MethodsReady {
  readonly #parameters: MigrationParameters;
  readonly #failed: (error: MultifdError) => void;
  readonly #timer: NodeJS.Timeout;

  /**
   * Begins to wait, `setupTimeout` at most.
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

  /** For `auto`, what each thread does for a method that has a name: a module that cannot be loaded is told at once. */
  check(modules: readonly string[]): void {
    const { multifdCompression, setupTimeout } = this.#parameters;
    if (multifdCompression !== AUTO) return;
    const what = 'multifd-compression auto: its methods did not load';
    const limit = { timeout: setupTimeout, what, code: 'codec-unavailable' } as const;
    inTime(methodsFor(AUTO, modules), limit).catch((error: unknown) =>
      this.#failed(MultifdError.from(error, 'codec-unavailable', 'multifd-compression auto')),
    );
  }

  /** Nobody is waited for any more. */
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
