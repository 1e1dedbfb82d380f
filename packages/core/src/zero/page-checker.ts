import type { MessagePort } from 'node:worker_threads';
import { MultifdError } from '../errors.js';
import type { SharedWasmMemory } from '../ram/shared-wasm-memory.js';
import type { Accelerator, AcceleratorReference } from './accelerator.js';
import { loadAccelerator } from './load.js';
import { OpenDetector } from './open-detector.js';

/** No answer yet: neither of the two that a detector may give. */
const UNANSWERED = 0xff;

/** An accelerator failed in the middle, and another one goes on in its place. */
export interface AcceleratorReplacement {
  /** Name of the one that failed. */
  readonly failed: string;
  /** Why, one line. */
  readonly reason: string;
  readonly by: AcceleratorReference;
}

export interface CheckerOptions {
  /** Called before each batch, so that somebody else can see that this thread is alive. */
  readonly beat?: () => void;
  /** To what the accelerator shares, for this thread. */
  readonly line?: MessagePort | undefined;
  /** Who goes on, in this order, when the accelerator fails. None: then its failure is the caller's. */
  readonly fallbacks?: readonly AcceleratorReference[];
  readonly onReplaced?: (replacement: AcceleratorReplacement) => void;
}

/**
 * One thread's use of an accelerator: cuts work into batches that it likes, waits for its answer no longer than
 * allowed, and believes it only if it is an answer. Where it fails and there is a fallback, the batch is asked again of
 * that one; answers that were given before are kept.
 */
export class PageChecker {
  readonly #pageSize: number;
  readonly #timeout: number;
  readonly #options: CheckerOptions;
  readonly #fallbacks: AcceleratorReference[];
  /** Failed ones: calls of theirs may still be on the way. */
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
   * @throws MultifdError `accelerator-unavailable` if it cannot check pages of this size, `accelerator` if it cannot be
   *   opened; unless a fallback can.
   */
  static async open(
    accelerator: Accelerator,
    pageSize: number,
    timeout: number,
    options: CheckerOptions = {},
  ): Promise<PageChecker> {
    const fallbacks = [...(options.fallbacks ?? [])];
    const detector = await OpenDetector.open(accelerator, pageSize, timeout, options.line).catch(
      async (error: unknown) => {
        const reason = MultifdError.from(error, 'accelerator', `accelerator ${accelerator.name}`);
        const next = await openNext(fallbacks, pageSize, timeout);
        if (next === undefined) throw reason;
        options.onReplaced?.({ failed: accelerator.name, reason: reason.message, by: next.reference });
        return next.detector;
      },
    );
    return new PageChecker(pageSize, timeout, options, detector, fallbacks);
  }

  /** Pages a call of `check` that make one batch. */
  get preferredBatch(): number {
    return this.#detector.preferredBatch;
  }

  /** Calls of `check` that are worth having at a time. */
  get inFlight(): number {
    return this.#detector.inFlight;
  }

  /**
   * Checks `count` pages at `offsets` in `memory`; `isZero[i]` is 1 or 0 afterwards. All buffers are the caller's.
   * May be called again before the earlier call is over.
   * @param wasmMemory what `memory` is a view into, if that is WebAssembly memory.
   * @throws MultifdError `accelerator` if it throws and nobody can go on, hangs, or answers nonsense.
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
      this.#options.beat?.();
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

  async close(): Promise<void> {
    await Promise.all([this.#detector, ...this.#retired].map((detector) => detector.close()));
  }

  /** Of several batches that fail together, the first brings the replacement and the others wait for it. */
  async #replace(failed: OpenDetector, error: MultifdError): Promise<void> {
    if (this.#detector !== failed) return;
    this.#replacing ??= this.#openNext(failed, error).finally(() => {
      this.#replacing = undefined;
    });
    await this.#replacing;
  }

  async #openNext(failed: OpenDetector, error: MultifdError): Promise<void> {
    const next = await openNext(this.#fallbacks, this.#pageSize, this.#timeout);
    if (next === undefined) throw error;
    this.#retired.push(failed);
    this.#detector = next.detector;
    this.#options.onReplaced?.({ failed: failed.name, reason: error.message, by: next.reference });
  }
}

/** Opens the first of `fallbacks` that can be, and takes it and those before it off the list. */
async function openNext(
  fallbacks: AcceleratorReference[],
  pageSize: number,
  timeout: number,
): Promise<{ reference: AcceleratorReference; detector: OpenDetector } | undefined> {
  for (let reference = fallbacks.shift(); reference !== undefined; reference = fallbacks.shift()) {
    try {
      const accelerator = await loadAccelerator(reference);
      return { reference, detector: await OpenDetector.open(accelerator, pageSize, timeout, undefined) };
    } catch {
      // What has failed first is the error that counts, if none of them can.
    }
  }
  return undefined;
}

function nonsense(name: string, answer: number): MultifdError {
  const what = answer === UNANSWERED ? 'left a page unanswered' : `answered ${answer} for a page`;
  return new MultifdError('accelerator', `accelerator ${name} ${what}; it must write 0 or 1 for each page`);
}
