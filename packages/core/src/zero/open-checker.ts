import type { MessagePort } from 'node:worker_threads';
import type { AcceleratorReference, SharedDevice } from './accelerator.js';
import { loadAccelerator } from './load.js';
import { type CheckerOptions, PageChecker } from './page-checker.js';

/** How one thread checks for zero pages. Can be posted to that thread, with `line` in the transfer list. */
export interface CheckPlan {
  readonly accelerator: AcceleratorReference;
  /** Replacements if it fails, in this order. */
  readonly fallbacks: readonly AcceleratorReference[];
  /** Port to the accelerator's shared device, if it has one. */
  readonly line: MessagePort | undefined;
}

/**
 * Opens a plan's checker in this thread.
 * @param timeout ms that an answer may take.
 * @throws MultifdError `accelerator-unavailable` or `accelerator`.
 */
export async function openChecker(
  { accelerator, fallbacks, line }: CheckPlan,
  pageSize: number,
  timeout: number,
  options: Pick<CheckerOptions, 'heartbeat' | 'onReplaced'>,
): Promise<PageChecker> {
  const loaded = await loadAccelerator(accelerator);
  return PageChecker.open(loaded, pageSize, timeout, { ...options, fallbacks, line });
}

/**
 * Makes the plans of all threads, in the thread that starts them. Opens the shared device, if the accelerator has
 * one.
 */
export class CheckPlans {
  readonly #accelerator: AcceleratorReference;
  readonly #fallbacks: readonly AcceleratorReference[];
  readonly #shared: SharedDevice | undefined;

  private constructor(
    accelerator: AcceleratorReference,
    fallbacks: readonly AcceleratorReference[],
    shared: SharedDevice | undefined,
  ) {
    this.#accelerator = accelerator;
    this.#fallbacks = fallbacks;
    this.#shared = shared;
  }

  /** @throws MultifdError, or what the accelerator throws. */
  static async open(
    accelerator: AcceleratorReference,
    fallbacks: readonly AcceleratorReference[],
  ): Promise<CheckPlans> {
    // Keep plug-in code out of this thread where possible: it could leave timers behind, or end the thread.
    if (accelerator.shares === false) return new CheckPlans(accelerator, fallbacks, undefined);
    const loaded = await loadAccelerator(accelerator);
    return new CheckPlans(accelerator, fallbacks, await loaded.share?.());
  }

  /** Makes the plan of one more thread. Post it with its line in the transfer list. */
  next(): CheckPlan {
    return { accelerator: this.#accelerator, fallbacks: this.#fallbacks, line: this.#shared?.connect() };
  }

  /** Closes the shared device, once no thread checks any more. Does not throw: the run's outcome is decided. */
  async close(): Promise<void> {
    try {
      await this.#shared?.close();
    } catch {
      // As with a detector: a failing close does not change the outcome.
    }
  }
}

/** The transfer list for posting a plan. */
export function transferOf(plan: CheckPlan | undefined): readonly MessagePort[] {
  return plan?.line === undefined ? [] : [plan.line];
}
