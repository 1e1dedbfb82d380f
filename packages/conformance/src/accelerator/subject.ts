import assert from 'node:assert/strict';
import {
  type AttachedBlock,
  type Detector,
  type DetectorCounters,
  faultOfCounters,
  type PageBatch,
} from '@multifd/core/accelerator';
import { inTime } from '../in-time.js';
import type { CaseContext } from './case.js';
import type { GuestMemory } from './memory.js';

/** What result arrays hold before an answer: no answer, and neither of the two that a broken one falls back to. */
const UNANSWERED = 0xee;

/** Entries on both sides of a result that do not belong to the batch: whoever writes there writes too much. */
const MARGIN = 64;

/**
 * A detector under test. It is asked the way core asks: batches of at most `preferredBatch`, offsets and results
 * that are parts of larger arrays.
 */
export class Subject {
  readonly pageSize: number;
  readonly #name: string;
  readonly #detector: Detector;
  /** What this detector takes: pages in a batch, and batches at a time. */
  readonly preferredBatch: number;
  readonly inFlight: number;
  readonly #timeout: number;

  private constructor(context: CaseContext, detector: Detector) {
    this.pageSize = context.pageSize;
    this.#name = context.accelerator.name;
    const { preferredBatch, inFlight = 1 } = context.accelerator.capabilities;
    this.preferredBatch = detector.preferredBatch ?? preferredBatch;
    this.inFlight = detector.inFlight ?? inFlight;
    this.#timeout = context.timeout;
    this.#detector = detector;
  }

  static async open(context: CaseContext): Promise<Subject> {
    const { accelerator, pageSize, settings, timeout } = context;
    const subject = new Subject(
      context,
      await inTime(accelerator.open({ pageSize, settings }), timeout, 'open'),
    );
    context.opened.push(subject);
    // Cutting work into batches of nothing would never end.
    assertLimit('preferredBatch', subject.preferredBatch, accelerator.capabilities.preferredBatch);
    assertLimit('inFlight', subject.inFlight, accelerator.capabilities.inFlight ?? 1);
    return subject;
  }

  /** Answers for pages at `offsets`, in that order, as numbers; each is 0 or 1. */
  async detect(pages: Uint8Array | GuestMemory, offsets: readonly number[]): Promise<number[]> {
    const answers: number[] = [];
    for (let first = 0; first < offsets.length; first += this.preferredBatch) {
      answers.push(...(await this.detectBatch(pages, offsets.slice(first, first + this.preferredBatch))));
    }
    return answers;
  }

  /** One batch, which may be empty; at most `preferredBatch` pages. */
  async detectBatch(pages: Uint8Array | GuestMemory, offsets: readonly number[]): Promise<number[]> {
    const count = offsets.length;
    const places = new Float64Array(count + 2 * MARGIN).fill(Number.NaN);
    places.set(offsets, MARGIN);
    const results = new Uint8Array(count + 2 * MARGIN).fill(UNANSWERED);
    const place = pages instanceof Uint8Array ? { memory: pages } : pages;
    const batch: PageBatch = { ...place, offsets: places.subarray(MARGIN, MARGIN + count), count };
    await this.ask(batch, results.subarray(MARGIN, MARGIN + count));
    const answers = Array.from(results.subarray(MARGIN, MARGIN + count));
    const margins = [...results.subarray(0, MARGIN), ...results.subarray(MARGIN + count)];
    assert.ok(
      margins.every((entry) => entry === UNANSWERED),
      `${this.#name} wrote beyond its result`,
    );
    assert.deepEqual(
      Array.from(places.subarray(MARGIN, MARGIN + count)),
      offsets,
      `${this.#name} wrote to offsets`,
    );
    const bad = answers.findIndex((answer) => answer !== 0 && answer !== 1);
    assert.equal(
      bad,
      -1,
      `${this.#name} answered ${answers[bad]} for page ${bad} of ${count} (238: not at all)`,
    );
    return answers;
  }

  /** Announces memory, as core does once and before the first batch. */
  async attach(blocks: readonly AttachedBlock[]): Promise<void> {
    await inTime(this.#detector.attach?.(blocks), this.#timeout, 'attach');
  }

  async detach(): Promise<void> {
    await inTime(this.#detector.detach?.(), this.#timeout, 'detach');
  }

  /** What it has counted; undefined if it does not count. */
  counters(): DetectorCounters | undefined {
    if (this.#detector.counters === undefined) return undefined;
    const counters = this.#detector.counters();
    assert.equal(faultOfCounters(counters), undefined);
    // Of its own: it may hand out the same object, and go on counting in it.
    return { ...counters };
  }

  /** One call of `detect`, and nothing else. */
  async ask(batch: PageBatch, isZero: Uint8Array): Promise<void> {
    await inTime(this.#detector.detect(batch, isZero), this.#timeout, 'detect');
  }

  async close(): Promise<void> {
    await inTime(this.#detector.close(), this.#timeout, 'close');
  }
}

/** What a detector says after opening is never more than what was declared before. */
function assertLimit(name: string, value: number, declared: number): void {
  assert.ok(
    Number.isInteger(value) && value >= 1 && value <= declared,
    `its ${name} is ${value}: not a whole number from 1 to ${declared}, as declared`,
  );
}

/** Opens a subject for `body`, and closes it whatever happens. */
export async function withSubject(
  context: CaseContext,
  body: (subject: Subject) => Promise<void>,
): Promise<void> {
  const subject = await Subject.open(context);
  try {
    await body(subject);
  } finally {
    await subject.close();
  }
}

/** What a detector of this page size takes. */
export async function limitsOf(context: CaseContext): Promise<Pick<Subject, 'preferredBatch' | 'inFlight'>> {
  const subject = await Subject.open(context);
  await subject.close();
  return subject;
}
