import { MultifdError } from '../errors.js';
import type { SharedWasmMemory } from '../ram/shared-wasm-memory.js';
import { type DetectorCounters, sumOfCounters } from '../thread/offloaded.js';
import type { Accelerator, AcceleratorReference } from './accelerator.js';
import { loadAccelerator } from './load.js';
import { OpenDetector, type OpeningOptions } from './open-detector.js';
import { requireProbe } from './probe.js';

/** No answer yet: neither 0 nor 1. */
const UNANSWERED = 0xff;

/** An accelerator failed during the run, and another one replaced it. */
export interface AcceleratorReplacement {
  /** Name of the one that failed. */
  readonly failed: string;
  /** Why, one line. */
  readonly reason: string;
  readonly by: AcceleratorReference;
}

export interface CheckerOptions extends OpeningOptions {
  /** Called before each batch: the thread's heartbeat. */
  readonly heartbeat?: () => void;
  /** Replacements, in this order, if the accelerator fails. With none left, `check` throws its failure. */
  readonly fallbacks?: readonly AcceleratorReference[];
  /** Asks the accelerator first whether it can run here: nobody has done so yet. Replacements always are. */
  readonly probes?: boolean;
  readonly onReplaced?: (replacement: AcceleratorReplacement) => void;
}

/**
 * One channel's use of an accelerator: splits work into batches of its preferred size, limits how long it may take,
 * and validates its answers. If it fails, a fallback checks the batch again; earlier answers stay.
 */
export class PageChecker {
  readonly #pageSize: number;
  readonly #timeout: number;
  readonly #options: CheckerOptions;
  readonly #fallbacks: AcceleratorReference[];
  /** Failed detectors: some of their calls may still be in flight. */
  readonly #retired: OpenDetector[] = [];
  #detector: OpenDetector;
  #replacing: Promise<void> | undefined;

  private constructor(
    pageSize: number,
    timeout: number,
    options: CheckerOptions,
    detector: OpenDetector,
    fallbacks: AcceleratorReference[],
  ) {
    this.#pageSize = pageSize;
    this.#timeout = timeout;
    this.#options = options;
    this.#fallbacks = fallbacks;
    this.#detector = detector;
  }

  /**
   * @param timeout ms that an answer may take.
   * @throws MultifdError `usage` for settings that it does not take; `accelerator-unavailable` if it cannot check pages
   *   of this size, `accelerator` if it cannot be opened, and no fallback can either.
   */
  static async open(
    accelerator: Accelerator,
    pageSize: number,
    timeout: number,
    options: CheckerOptions = {},
  ): Promise<PageChecker> {
    const fallbacks = [...(options.fallbacks ?? [])];
    const detector = await opened(accelerator, pageSize, timeout, options).catch(async (error: unknown) => {
      const reason = MultifdError.from(error, 'accelerator', `accelerator ${accelerator.name}`);
      // What the caller has set wrongly is for the caller to mend.
      if (reason.code === 'usage') throw reason;
      const next = await openNext(fallbacks, pageSize, timeout, options);
      if (next === undefined) throw reason;
      options.onReplaced?.({ failed: accelerator.name, reason: reason.message, by: next.reference });
      return next.detector;
    });
    return new PageChecker(pageSize, timeout, options, detector, fallbacks);
  }

  /** Pages in a call of `check` that fill one batch. */
  get preferredBatch(): number {
    return this.#detector.preferredBatch;
  }

  /** Calls of `check` at a time that keep the accelerator busy. */
  get inFlight(): number {
    return this.#detector.inFlight;
  }

  /**
   * Checks `count` pages at `offsets` in `memory`; `isZero[i]` is 1 or 0 afterwards. The caller owns all buffers.
   * May be called again before an earlier call is over.
   * @param wasmMemory the WebAssembly memory that `memory` is a view into, if it is one.
   * @throws MultifdError `accelerator` if the accelerator fails and no fallback is left, hangs, or answers nonsense.
   */
  async check(
    memory: Uint8Array,
    offsets: Float64Array,
    count: number,
    isZero: Uint8Array,
    wasmMemory?: SharedWasmMemory,
  ): Promise<void> {
    const place = wasmMemory === undefined ? { memory } : { memory, wasmMemory };
    for (let first = 0; first < count; ) {
      const detector = this.#detector;
      const size = Math.min(detector.preferredBatch, count - first);
      const answers = isZero.subarray(first, first + size);
      answers.fill(UNANSWERED);
      this.#options.heartbeat?.();
      const batch = { ...place, offsets: offsets.subarray(first, first + size), count: size };
      const error = await detector.detect(batch, answers);
      if (error !== undefined) {
        await this.#replace(detector, error);
        continue;
      }
      for (let index = 0; index < size; index++) {
        const answer = answers[index] ?? UNANSWERED;
        if (answer > 1) throw nonsense(detector.name, answer);
      }
      first += size;
    }
  }

  /** What its devices have done so far, those that failed too; undefined if none of them counts. */
  counters(): DetectorCounters | undefined {
    return sumOfCounters([this.#detector, ...this.#retired].map((detector) => detector.counters()));
  }

  async close(): Promise<void> {
    await Promise.all([this.#detector, ...this.#retired].map((detector) => detector.close()));
  }

  /**
   * Replaces a failed detector once: when several batches fail together, the others wait for the same replacement.
   */
  async #replace(failed: OpenDetector, error: MultifdError): Promise<void> {
    if (this.#detector !== failed) return;
    this.#replacing ??= this.#openNext(failed, error).finally(() => {
      this.#replacing = undefined;
    });
    await this.#replacing;
  }

  async #openNext(failed: OpenDetector, error: MultifdError): Promise<void> {
    const next = await openNext(this.#fallbacks, this.#pageSize, this.#timeout, this.#options);
    if (next === undefined) throw error;
    this.#retired.push(failed);
    this.#detector = next.detector;
    this.#options.onReplaced?.({ failed: failed.name, reason: error.message, by: next.reference });
  }
}

async function opened(
  accelerator: Accelerator,
  pageSize: number,
  timeout: number,
  options: CheckerOptions,
): Promise<OpenDetector> {
  if (options.probes === true) await requireProbe(accelerator, options.settings);
  return OpenDetector.open(accelerator, pageSize, timeout, options);
}

/** Opens the first usable one of `fallbacks`, and removes it and those before it from the list. */
async function openNext(
  fallbacks: AcceleratorReference[],
  pageSize: number,
  timeout: number,
  options: CheckerOptions,
): Promise<{ reference: AcceleratorReference; detector: OpenDetector } | undefined> {
  for (let reference = fallbacks.shift(); reference !== undefined; reference = fallbacks.shift()) {
    try {
      const { settings, numaNode } = reference;
      const accelerator = await loadAccelerator(reference);
      const own = { ...options, probes: true, line: undefined, settings, numaNode };
      return { reference, detector: await opened(accelerator, pageSize, timeout, own) };
    } catch {
      // If no fallback can be opened, the caller reports the first failure.
    }
  }
  return undefined;
}

function nonsense(name: string, answer: number): MultifdError {
  const what = answer === UNANSWERED ? 'left a page unanswered' : `answered ${answer} for a page`;
  return new MultifdError('accelerator', `accelerator ${name} ${what}; it must write 0 or 1 for each page`, {
    hint: 'test it with @multifd/conformance, and tell its author what that says',
  });
}
