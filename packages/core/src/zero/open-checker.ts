import type { MessagePort } from 'node:worker_threads';
import type { AcceleratorReference, SharedDevice } from './accelerator.js';
import { loadAccelerator } from './load.js';
import { type CheckerOptions, PageChecker } from './page-checker.js';

/** Who checks for zero pages in one thread. It can be posted to that thread, with its line in the transfer list. */
export interface CheckPlan {
  readonly accelerator: AcceleratorReference;
  /** Who goes on when it fails, in this order. */
  readonly fallbacks: readonly AcceleratorReference[];
  /** To what the accelerator shares, if it does. */
  readonly line: MessagePort | undefined;
}

/**
 * Opens what a plan says, in this thread.
 * @param timeout ms that an answer may take.
 * @throws MultifdError `accelerator-unavailable` or `accelerator`.
 */
export async function openChecker(
  { accelerator, fallbacks, line }: CheckPlan,
  pageSize: number,
  timeout: number,
  options: Pick<CheckerOptions, 'beat' | 'onReplaced'>,
): Promise<PageChecker> {
  const loaded = await loadAccelerator(accelerator);
  return PageChecker.open(loaded, pageSize, timeout, { ...options, fallbacks, line });
}

/**
 * In the thread that starts the others: makes their plans. One device for all of them, if the accelerator shares one.
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
    // What is somebody's, and need not be in this thread, could leave a timer behind in it, or end it.
    if (accelerator.shares === false) return new CheckPlans(accelerator, fallbacks, undefined);
    const loaded = await loadAccelerator(accelerator);
    return new CheckPlans(accelerator, fallbacks, await loaded.share?.());
  }

  /** For one more thread. Its line has to be in the transfer list of what it is posted with. */
  next(): CheckPlan {
    return { accelerator: this.#accelerator, fallbacks: this.#fallbacks, line: this.#shared?.connect() };
  }

  /** No thread checks any more. Does not throw: the outcome of the run is decided. */
  async close(): Promise<void> {
    try {
      await this.#shared?.close();
    } catch {
      // As with a detector that cannot close: it has nothing to add.
    }
  }
}

/** What a plan has that must be given away with it. */
export function transferOf(plan: CheckPlan | undefined): readonly MessagePort[] {
  return plan?.line === undefined ? [] : [plan.line];
}
