import { MultifdError } from '../errors.js';
import { allocateMemoryBlock } from '../ram/memory-block.js';
import type { SharedWasmMemory } from '../ram/shared-wasm-memory.js';
import { inTime } from '../time-limit.js';
import type { Accelerator } from './accelerator.js';
import type { AttachedBlock } from './detector.js';
import { PageChecker } from './page-checker.js';

const PAGE_SIZE = 4096;
/** Larger than a second-level cache, yet 0.2 ms or less at the rates that matter. */
const PAGES = 512;
/**
 * Passes for each accelerator: at least `least`, then up to `most` while the time for all together (`budget`, ms)
 * lasts. JIT compilers recompile hot code: WebAssembly runs at a third of its rate in its first passes, JavaScript at
 * a tenth. The best pass counts, as noise only adds time.
 */
const PASSES = { least: 4, most: 64, budget: 12 } as const;
/** ms that opening, an answer or closing may take before the accelerator is ruled out. */
const PATIENCE = 1000;

/** Bytes of guest memory a second, or the error that prevented the measurement. */
export type Rate = { readonly bytesPerSecond: number } | { readonly error: MultifdError };

/**
 * Measures how fast each accelerator checks a small piece of typical guest memory: three quarters zero, all of it
 * populated. They take turns. One that takes several batches at a time gets that many, of its preferred size, over
 * the same memory repeatedly: the round trip to the device counts too. One that throws, is late or answers wrongly
 * gets an error instead of a rate.
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

/**
 * The rate of each of `threads` threads, from the rate that one alone measured: a shared device divides among them.
 */
export function rateOfThread({ share }: Accelerator, bytesPerSecond: number, threads: number): number {
  return share === undefined ? bytesPerSecond : bytesPerSecond / threads;
}

interface Sample {
  readonly memory: Uint8Array;
  readonly wasmMemory: SharedWasmMemory;
  /** The same memory, to be announced as a guest's is. */
  readonly block: AttachedBlock;
  readonly offsets: Float64Array;
  readonly answers: Uint8Array;
}

/** One batch of a pass: the sample's pages, repeated if the batch is larger. */
interface Turn {
  readonly offsets: Float64Array;
  readonly wanted: Uint8Array;
  readonly got: Uint8Array;
}

/** One accelerator's batches in a pass: at least the whole sample once. */
function makeTurns({ offsets, answers }: Sample, checker: PageChecker): readonly Turn[] {
  const pages = checker.inFlight > 1 ? Math.max(PAGES, checker.preferredBatch) : PAGES;
  return Array.from({ length: checker.inFlight }, () => ({
    offsets: Float64Array.from({ length: pages }, (_, page) => offsets[page % PAGES] ?? 0),
    wanted: Uint8Array.from({ length: pages }, (_, page) => answers[page % PAGES] ?? 0),
    got: new Uint8Array(pages),
  }));
}

function makeSample(): Sample {
  const block = allocateMemoryBlock('sample', PAGES * PAGE_SIZE);
  const [wasmMemory] = block.wasmMemories ?? [];
  const [segment] = block.segments;
  if (wasmMemory === undefined || segment === undefined) throw new MultifdError('internal', 'no sample');
  const memory = new Uint8Array(segment);
  const offsets = Float64Array.from({ length: PAGES }, (_, page) => page * PAGE_SIZE);
  const answers = Uint8Array.from(offsets, (_, page) => (page % 4 === 3 ? 0 : 1));
  // Write the zeros too: a page that was never written is not populated.
  offsets.forEach((offset, page) => {
    memory.fill(answers[page] === 1 ? 0 : page & 0xff || 1, offset, offset + PAGE_SIZE);
  });
  const { name, length, kind } = block;
  return {
    memory,
    wasmMemory,
    block: { name, length, kind, backing: 'anonymous', pieces: [memory] },
    offsets,
    answers,
  };
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
    const opening = PageChecker.open(accelerator, PAGE_SIZE, PATIENCE, { blocks: [sample.block] });
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
