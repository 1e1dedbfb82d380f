import type { MessagePort } from 'node:worker_threads';
import { MultifdError } from '../errors.js';
import type { DetectorCounters } from '../thread/offloaded.js';
import { inTime } from '../time-limit.js';
import type { Accelerator } from './accelerator.js';
import { faultOfCounters, isCounters } from './counters.js';
import type { AttachedBlock, Detector, PageBatch } from './detector.js';
import { settingsFor } from './load.js';
import type { SettingValues } from './settings.js';
import { isDetectorV1 } from './version1.js';

/** What a detector is opened with, beside its page size. */
export interface OpeningOptions {
  /** Port to the accelerator's shared device, if it has one. */
  readonly line?: MessagePort | undefined;
  /** As the caller has set them. */
  readonly settings?: SettingValues | undefined;
  readonly channel?: number | undefined;
  readonly numaNode?: number | undefined;
  /** The guest's memory, if it is known. */
  readonly blocks?: readonly AttachedBlock[] | undefined;
}

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

  #isAttached = false;
  /** It gave no answer in time: it may use the memory of that call, and is not asked again. */
  #late: MultifdError | undefined;

  private constructor(accelerator: Accelerator, detector: Detector, timeout: number) {
    const { capabilities, name } = accelerator;
    this.name = name;
    this.preferredBatch = detector.preferredBatch ?? capabilities.preferredBatch;
    this.inFlight = detector.inFlight ?? capabilities.inFlight ?? 1;
    this.#free = this.inFlight;
    this.#detector = detector;
    this.#timeout = timeout;
  }

  /**
   * @param timeout ms that an answer may take.
   * @throws MultifdError `usage` for settings that it does not take, `accelerator-unavailable` if it cannot check pages
   *   of this size, `accelerator` if it cannot be opened.
   */
  static async open(
    accelerator: Accelerator,
    pageSize: number,
    timeout: number,
    { line, settings, channel, numaNode, blocks }: OpeningOptions,
  ): Promise<OpenDetector> {
    const { min, max } = accelerator.capabilities.pageSize;
    if (pageSize < min || pageSize > max) {
      throw new MultifdError(
        'accelerator-unavailable',
        `accelerator ${accelerator.name} checks pages of ${min} to ${max} bytes, not of ${pageSize}`,
      );
    }
    const options = {
      pageSize,
      settings: settingsFor(accelerator, settings),
      ...(line === undefined ? {} : { line }),
      ...(channel === undefined ? {} : { channel }),
      ...(numaNode === undefined ? {} : { numaNode }),
    };
    try {
      const detector = await usable(accelerator, await accelerator.open(options));
      const opened = new OpenDetector(accelerator, detector, timeout);
      if (blocks !== undefined) await opened.#attach(blocks);
      return opened;
    } catch (cause) {
      throw MultifdError.from(cause, 'accelerator', `accelerator ${accelerator.name} could not be opened`);
    }
  }

  async #attach(blocks: readonly AttachedBlock[]): Promise<void> {
    if (this.#detector.attach === undefined) return;
    try {
      await this.#detector.attach(blocks);
      this.#isAttached = true;
    } catch (error) {
      // Nobody else will: to its caller it is not open.
      await this.#detector.close();
      throw error;
    }
  }

  /**
   * Checks one batch; waits for a free slot first.
   * @returns undefined when all answers are written, or the failure: the caller then owns the buffers again.
   * @throws MultifdError `accelerator` if it gave no answer in time: it may still use the buffers.
   */
  async detect(batch: PageBatch, answers: Uint8Array): Promise<MultifdError | undefined> {
    if (this.#late === undefined && this.#free > 0) this.#free--;
    else if (this.#late === undefined) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    // A slot that nobody gives back is waited for in vain.
    if (this.#late !== undefined) throw this.#late;
    return this.#ask(batch, answers);
  }

  async #ask(batch: PageBatch, answers: Uint8Array): Promise<MultifdError | undefined> {
    let answer: void | Promise<void>;
    try {
      answer = this.#detector.detect(batch, answers);
    } catch (cause) {
      this.#settled();
      return this.#failed(cause);
    }
    if (answer === undefined) {
      this.#settled();
      return undefined;
    }
    // Its slot is free when it has answered, also if that is too late: until then it may read the guest's memory.
    const failed = Promise.resolve(answer)
      .then(
        () => undefined,
        (cause: unknown) => this.#failed(cause),
      )
      .finally(() => this.#settled());
    try {
      return await inTime(failed, {
        timeout: this.#timeout,
        what: `accelerator ${this.name} gave no answer`,
        code: 'accelerator',
      });
    } catch (error) {
      this.#late = MultifdError.from(error, 'accelerator', `accelerator ${this.name}`);
      for (const wake of this.#waiting.splice(0)) wake();
      throw error;
    }
  }

  #settled(): void {
    const next = this.#waiting.shift();
    if (next === undefined) this.#free++;
    else next();
  }

  #failed(cause: unknown): MultifdError {
    return MultifdError.from(cause, 'accelerator', `accelerator ${this.name} failed`);
  }

  /** What it has done so far; undefined if it does not count, or counts nonsense. */
  counters(): DetectorCounters | undefined {
    if (this.#detector.counters === undefined) return undefined;
    try {
      const counters: unknown = this.#detector.counters();
      return isCounters(counters) ? counters : undefined;
    } catch {
      // A number less in the report is no reason to end a migration.
      return undefined;
    }
  }

  async close(): Promise<void> {
    try {
      await this.#detach();
    } finally {
      await this.#detector.close();
    }
  }

  /** With calls in flight, `close` withdraws the memory. */
  async #detach(): Promise<void> {
    if (!this.#isAttached || this.#free < this.inFlight) return;
    this.#isAttached = false;
    await this.#detector.detach?.();
  }
}

/** @throws Error that says what of the contract it breaks; then it is closed. */
async function usable(accelerator: Accelerator, detector: unknown): Promise<Detector> {
  if (!isDetector(detector)) throw new Error('what it gave has no detect and close');
  try {
    checkDetector(accelerator, detector);
  } catch (error) {
    // The first error is the one to tell.
    await Promise.resolve(detector.close()).catch(() => {});
    throw error;
  }
  return detector;
}

function checkDetector({ capabilities }: Accelerator, detector: Detector): void {
  for (const name of ['attach', 'detach', 'counters'] as const) {
    if (!['undefined', 'function'].includes(typeof detector[name])) {
      throw new Error(`${name} of what it gave must be a function, if it is there`);
    }
  }
  const { preferredBatch: batch = 1, inFlight = 1 } = detector;
  if (!Number.isInteger(batch) || batch < 1 || batch > capabilities.preferredBatch) {
    const declared = capabilities.preferredBatch;
    throw new Error(`its preferredBatch is ${batch}: not a whole number from 1 to ${declared}, as declared`);
  }
  const most = capabilities.inFlight ?? 1;
  if (!Number.isInteger(inFlight) || inFlight < 1 || inFlight > most) {
    throw new Error(`its inFlight is ${inFlight}: not a whole number from 1 to ${most}, as declared`);
  }
  const fault = detector.counters === undefined ? undefined : faultOfCounters(detector.counters());
  if (fault !== undefined) throw new Error(fault);
}

function isDetector(value: unknown): value is Detector {
  return isDetectorV1(value);
}
