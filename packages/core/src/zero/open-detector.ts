import type { MessagePort } from 'node:worker_threads';
import { MultifdError } from '../errors.js';
import { inTime } from '../time-limit.js';
import type { Accelerator, Detector, PageBatch } from './accelerator.js';

/**
 * One accelerator's detector, used as the contract demands: at most `inFlight` calls at a time, each with a timeout.
 */
export class OpenDetector {
  readonly name: string;
  /** Most pages in one call. */
  readonly preferredBatch: number;
  /** Most calls at a time. */
  readonly inFlight: number;
  readonly #detector: Detector;
  readonly #timeout: number;
  #free: number;
  readonly #waiting: (() => void)[] = [];

  private constructor(accelerator: Accelerator, detector: Detector, timeout: number) {
    this.name = accelerator.name;
    this.preferredBatch = accelerator.capabilities.preferredBatch;
    this.inFlight = accelerator.capabilities.inFlight ?? 1;
    this.#free = this.inFlight;
    this.#detector = detector;
    this.#timeout = timeout;
  }

  /**
   * @param timeout ms that an answer may take.
   * @param line port to the accelerator's shared device, if it has one.
   * @throws MultifdError `accelerator-unavailable` if it cannot check pages of this size, `accelerator` if it cannot
   *   be opened.
   */
  static async open(
    accelerator: Accelerator,
    pageSize: number,
    timeout: number,
    line: MessagePort | undefined,
  ): Promise<OpenDetector> {
    const { min, max } = accelerator.capabilities.pageSize;
    if (pageSize < min || pageSize > max) {
      throw new MultifdError(
        'accelerator-unavailable',
        `accelerator ${accelerator.name} checks pages of ${min} to ${max} bytes, not of ${pageSize}`,
      );
    }
    try {
      const detector: unknown = await accelerator.open(
        line === undefined ? { pageSize } : { pageSize, line },
      );
      if (!isDetector(detector)) throw new Error('what it gave has no detect and close');
      return new OpenDetector(accelerator, detector, timeout);
    } catch (cause) {
      throw MultifdError.from(cause, 'accelerator', `accelerator ${accelerator.name} could not be opened`);
    }
  }

  /**
   * Checks one batch; waits for a free slot first.
   * @returns undefined when all answers are written, or the failure: the caller then owns the buffers again.
   * @throws MultifdError `accelerator` if it gave no answer in time: it may still use the buffers.
   */
  async detect(batch: PageBatch, answers: Uint8Array): Promise<MultifdError | undefined> {
    if (this.#free > 0) this.#free--;
    else await new Promise<void>((resolve) => this.#waiting.push(resolve));
    try {
      return await this.#ask(batch, answers);
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) this.#free++;
      else next();
    }
  }

  async #ask(batch: PageBatch, answers: Uint8Array): Promise<MultifdError | undefined> {
    let answer: void | Promise<void>;
    try {
      answer = this.#detector.detect(batch, answers);
    } catch (cause) {
      return this.#failed(cause);
    }
    if (answer === undefined) return undefined;
    const failed = Promise.resolve(answer).then(
      () => undefined,
      (cause: unknown) => this.#failed(cause),
    );
    return inTime(failed, {
      timeout: this.#timeout,
      what: `accelerator ${this.name} gave no answer`,
      code: 'accelerator',
    });
  }

  #failed(cause: unknown): MultifdError {
    return MultifdError.from(cause, 'accelerator', `accelerator ${this.name} failed`);
  }

  async close(): Promise<void> {
    await this.#detector.close();
  }
}

function isDetector(value: unknown): value is Detector {
  if (typeof value !== 'object' || value === null) return false;
  return ['detect', 'close'].every((name) => typeof Reflect.get(value, name) === 'function');
}
