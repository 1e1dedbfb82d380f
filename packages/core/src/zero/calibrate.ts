import { MultifdError } from '../errors.js';
import type { SharedWasmMemory } from '../ram/shared-wasm-memory.js';
import { inTime } from '../time-limit.js';
import type { Accelerator } from './accelerator.js';
import { PageChecker } from './page-checker.js';

const PAGE_SIZE = 4096;
/** Enough to be larger than a second-level cache, and to take 0.2 ms or less at the rates that matter. */
const PAGES = 512;
/**
 * Passes that each makes: so many at least, and more, up to so many, while the time for all of them together (ms)
 * lasts. Engines translate what runs often a second time: WebAssembly is at a third of its rate in its first passes,
 * JavaScript at a tenth. The best pass counts, as noise only ever adds.
 */
const PASSES = { least: 4, most: 64, budget: 12 } as const;
/** ms that opening, an answer or closing may take before the accelerator is out of the race. */
const PATIENCE = 1000;

/** Bytes of guest memory a second, or why there is no such number. */
export type Rate = { readonly bytesPerSecond: number } | { readonly error: MultifdError };

/**
 * How fast each accelerator checks a small piece of guest memory as guests have it: three quarters zero, all of it
 * populated. They take turns. One that takes several batches at a time gets as many, as large as it likes and over the
 * same memory again and again: what counts is the way there and back too. One that throws, is late or answers wrongly gets an
 * error in place of a rate.
 */
export async function measureRates(accelerators: readonly Accelerator[]): Promise<Rate[]> {
  const sample = makeSample();
  const runners = await Promise.all(accelerators.map((each) => Runner.open(each, sample)));
  const began = performance.now();
  for (let pass = 0; pass < PASSES.most; pass++) {
    if (pass >= PASSES.least && performance.now() - began > PASSES.budget) break;
    for (const runner of runners) await runner.pass();
  }
  return Promise.all(runners.map((runner) => runner.end()));
}

/** What one of several threads has of a rate that one alone has measured: a device that they share does not multiply. */
export function rateOfThread({ share }: Accelerator, bytesPerSecond: number, threads: number): number {
  return share === undefined ? bytesPerSecond : bytesPerSecond / threads;
}

interface Sample {
  readonly memory: Uint8Array;
  readonly wasmMemory: SharedWasmMemory;
  readonly offsets: Float64Array;
  readonly answers: Uint8Array;
}

/** One batch of a pass: pages of the sample, again and again if it is longer than that. */
interface Turn {
  readonly offsets: Float64Array;
  readonly wanted: Uint8Array;
  readonly got: Uint8Array;
}

/** What one accelerator does in a pass: at least the sample once. */
function makeTurns({ offsets, answers }: Sample, checker: PageChecker): readonly Turn[] {
  const pages = checker.inFlight > 1 ? Math.max(PAGES, checker.preferredBatch) : PAGES;
  return Array.from({ length: checker.inFlight }, () => ({
    offsets: Float64Array.from({ length: pages }, (_, page) => offsets[page % PAGES] ?? 0),
    wanted: Uint8Array.from({ length: pages }, (_, page) => answers[page % PAGES] ?? 0),
    got: new Uint8Array(pages),
  }));
}

function makeSample(): Sample {
  const pages = (PAGES * PAGE_SIZE) / 65536;
  const wasmMemory = new WebAssembly.Memory({ initial: pages, maximum: pages, shared: true });
  const memory = new Uint8Array(wasmMemory.buffer);
  const offsets = Float64Array.from({ length: PAGES }, (_, page) => page * PAGE_SIZE);
  const answers = Uint8Array.from(offsets, (_, page) => (page % 4 === 3 ? 0 : 1));
  // Zeros are written too: a page that was never touched is not in memory.
  offsets.forEach((offset, page) => {
    memory.fill(answers[page] === 1 ? 0 : page & 0xff || 1, offset, offset + PAGE_SIZE);
  });
  return { memory, wasmMemory, offsets, answers };
}

class Runner {
  readonly #sample: Sample;
  readonly #checker: PageChecker | undefined;
  readonly #turns: readonly Turn[];
  readonly #name: string;
  #error: MultifdError | undefined;
  #best = Number.POSITIVE_INFINITY;

  private constructor(name: string, sample: Sample, checker: PageChecker | MultifdError) {
    this.#name = name;
    this.#sample = sample;
    if (checker instanceof PageChecker) this.#checker = checker;
    else this.#error = checker;
    this.#turns = this.#checker === undefined ? [] : makeTurns(sample, this.#checker);
  }

  static async open(accelerator: Accelerator, sample: Sample): Promise<Runner> {
    const { name } = accelerator;
    const opening = PageChecker.open(accelerator, PAGE_SIZE, PATIENCE);
    const checker = await within(opening, `accelerator ${name} was not open`).catch((error: unknown) =>
      MultifdError.from(error, 'accelerator', `accelerator ${name}`),
    );
    return new Runner(name, sample, checker);
  }

  async pass(): Promise<void> {
    const checker = this.#checker;
    if (checker === undefined || this.#error !== undefined) return;
    const { memory, wasmMemory } = this.#sample;
    for (const { got } of this.#turns) got.fill(0);
    try {
      const began = performance.now();
      await Promise.all(
        this.#turns.map(({ offsets, got }) => checker.check(memory, offsets, got.length, got, wasmMemory)),
      );
      this.#best = Math.min(this.#best, performance.now() - began);
      if (this.#turns.some(({ got, wanted }) => Buffer.compare(got, wanted) !== 0)) {
        this.#error = new MultifdError('accelerator', `accelerator ${this.#name} gave a wrong answer`);
      }
    } catch (error) {
      this.#error = MultifdError.from(error, 'accelerator', `accelerator ${this.#name}`);
    }
  }

  async end(): Promise<Rate> {
    try {
      if (this.#checker !== undefined)
        await within(this.#checker.close(), `accelerator ${this.#name} did not close`);
    } catch (error) {
      this.#error ??= MultifdError.from(error, 'accelerator', `accelerator ${this.#name}`);
    }
    if (this.#error !== undefined) return { error: this.#error };
    const pages = this.#turns.reduce((sum, { got }) => sum + got.length, 0);
    return { bytesPerSecond: (pages * PAGE_SIZE * 1000) / Math.max(this.#best, 1e-3) };
  }
}

function within<T>(answer: Promise<T>, what: string): Promise<T> {
  return inTime(answer, { timeout: PATIENCE, what, code: 'accelerator' });
}
