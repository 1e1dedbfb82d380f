import type { MessagePort } from 'node:worker_threads';
import type { AcceleratorReference, SharedDevice } from './accelerator.js';
import { loadAccelerator, settingsFor } from './load.js';
import type { ChosenAccelerator } from './option.js';
import { type CheckerOptions, PageChecker } from './page-checker.js';
import { requireProbe } from './probe.js';

/** How one thread checks for zero pages. Can be posted to that thread, with `line` in the transfer list. */
export interface CheckPlan {
  readonly accelerator: AcceleratorReference;
  /** Replacements if it fails, in this order. */
  readonly fallbacks: readonly AcceleratorReference[];
  /** Whether the accelerator is to be asked first whether it can run here. Replacements always are. */
  readonly probes: boolean;
  /** Port to the accelerator's shared device, if it has one. */
  readonly line: MessagePort | undefined;
}

/**
 * Opens a plan's checker in this thread.
 * @param timeout ms that an answer may take.
 * @throws MultifdError `accelerator-unavailable` or `accelerator`.
 */
export async function openChecker(
  { accelerator, fallbacks, probes, line }: CheckPlan,
  pageSize: number,
  timeout: number,
  options: Pick<CheckerOptions, 'heartbeat' | 'onReplaced' | 'channel' | 'blocks'>,
): Promise<PageChecker> {
  const loaded = await loadAccelerator(accelerator);
  const { settings, numaNode } = accelerator;
  const all = { ...options, fallbacks, probes, line, settings, numaNode };
  return PageChecker.open(loaded, pageSize, timeout, all);
}

/** What a caller has chosen. */
export interface PlannedAccelerator extends ChosenAccelerator {
  readonly accelerator: AcceleratorReference;
}

/**
 * Makes the plans of all threads, in the thread that starts them. Opens the shared device, if the accelerator has
 * one.
 */
export class CheckPlans {
  readonly #chosen: PlannedAccelerator;
  readonly #shared: SharedDevice | undefined;

  private constructor(chosen: PlannedAccelerator, shared: SharedDevice | undefined) {
    this.#chosen = chosen;
    this.#shared = shared;
  }

  /** @throws MultifdError, or what the accelerator throws. */
  static async open(chosen: PlannedAccelerator): Promise<CheckPlans> {
    // Keep plug-in code out of this thread where possible: it could leave timers behind, or end the thread.
    if (chosen.accelerator.shares === false) return new CheckPlans(chosen, undefined);
    const loaded = await loadAccelerator(chosen.accelerator);
    if (loaded.share === undefined) return new CheckPlans(chosen, undefined);
    const settings = settingsFor(loaded, chosen.accelerator.settings);
    if (!chosen.isProbed) await requireProbe(loaded, settings);
    return new CheckPlans(chosen, await loaded.share(settings));
  }

  /** Makes the plan of one more thread. Post it with its line in the transfer list. */
  next(): CheckPlan {
    const { accelerator, fallbacks, isProbed } = this.#chosen;
    // Who shares a device was asked before it was opened. Asked in each thread, each would open one of its own.
    const probes = !isProbed && this.#shared === undefined;
    return { accelerator, fallbacks, probes, line: this.#shared?.connect() };
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
