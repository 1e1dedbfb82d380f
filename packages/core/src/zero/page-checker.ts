import { inTime } from '../engine/time-limit.js';
import { MultifdError } from '../errors.js';
import type { Accelerator, Detector, PageBatch, SharedWasmMemory } from './accelerator.js';

/** No answer yet: neither of the two that a detector may give. */
const UNANSWERED = 0xff;

/**
 * One thread's use of an accelerator: cuts work into batches that it likes, waits for its answer no longer than
 * allowed, and believes it only if it is an answer.
 */
export class PageChecker {
  readonly #name: string;
  readonly #detector: Detector;
  readonly #preferredBatch: number;
  readonly #timeout: number;
  readonly #beat: () => void;

  private constructor(accelerator: Accelerator, detector: Detector, timeout: number, beat: () => void) {
    this.#name = accelerator.name;
    this.#detector = detector;
    this.#preferredBatch = accelerator.capabilities.preferredBatch;
    this.#timeout = timeout;
    this.#beat = beat;
  }

  /**
   * @param timeout ms that an answer may take.
   * @param beat called before each batch, so that somebody else can see that this thread is alive.
   * @throws MultifdError `accelerator-unavailable` if it cannot check pages of this size or cannot be opened.
   */
  static async open(
    accelerator: Accelerator,
    pageSize: number,
    timeout: number,
    beat: () => void = () => {},
  ): Promise<PageChecker> {
    const { min, max } = accelerator.capabilities.pageSize;
    if (pageSize < min || pageSize > max) {
      throw new MultifdError(
        'accelerator-unavailable',
        `accelerator ${accelerator.name} checks pages of ${min} to ${max} bytes, not of ${pageSize}`,
      );
    }
    try {
      const detector: unknown = await accelerator.open({ pageSize });
      if (!isDetector(detector)) throw new Error('what it gave has no detect and close');
      return new PageChecker(accelerator, detector, timeout, beat);
    } catch (cause) {
      throw MultifdError.from(cause, 'accelerator', `accelerator ${accelerator.name} could not be opened`);
    }
  }

  /**
   * Checks `count` pages at `offsets` in `memory`; `isZero[i]` is 1 or 0 afterwards. All buffers are the caller's.
   * @param wasmMemory what `memory` is a view into, if that is WebAssembly memory.
   * @throws MultifdError `accelerator` if it throws, hangs, or answers nonsense.
   */
  async check(
    memory: Uint8Array,
    offsets: Float64Array,
    count: number,
    isZero: Uint8Array,
    wasmMemory?: SharedWasmMemory,
  ): Promise<void> {
    const place = wasmMemory === undefined ? { memory } : { memory, wasmMemory };
    for (let first = 0; first < count; first += this.#preferredBatch) {
      const size = Math.min(this.#preferredBatch, count - first);
      const answers = isZero.subarray(first, first + size);
      answers.fill(UNANSWERED);
      this.#beat();
      await this.#detect({ ...place, offsets: offsets.subarray(first, first + size), count: size }, answers);
      for (let index = 0; index < size; index++) {
        const answer = answers[index] ?? UNANSWERED;
        if (answer > 1) throw this.#nonsense(answer);
      }
    }
  }

  async close(): Promise<void> {
    await this.#detector.close();
  }

  async #detect(batch: PageBatch, answers: Uint8Array): Promise<void> {
    try {
      const answer = this.#detector.detect(batch, answers);
      if (answer !== undefined)
        await inTime(answer, {
          timeout: this.#timeout,
          what: `accelerator ${this.#name} gave no answer`,
          code: 'accelerator',
        });
    } catch (cause) {
      throw MultifdError.from(cause, 'accelerator', `accelerator ${this.#name} failed`);
    }
  }

  #nonsense(answer: number): MultifdError {
    const what = answer === UNANSWERED ? 'left a page unanswered' : `answered ${answer} for a page`;
    return new MultifdError(
      'accelerator',
      `accelerator ${this.#name} ${what}; it must write 0 or 1 for each page`,
    );
  }
}

function isDetector(value: unknown): value is Detector {
  if (typeof value !== 'object' || value === null) return false;
  return ['detect', 'close'].every((name) => typeof Reflect.get(value, name) === 'function');
}
