import { cpus, release } from 'node:os';
import { plainRead } from '@multifd/accel-native';
import {
  type Accelerator,
  type Detector,
  loadAccelerator,
  MultifdError,
  type ProbedAccelerator,
} from '@multifd/core';
import {
  type BenchMemory,
  KINDS,
  type Kind,
  makeMemory,
  PAGE_SIZE,
  PLACES,
  type Place,
} from './bench-memory.js';

/** Bytes of guest memory that one sample goes over, at least: some milliseconds. */
const SAMPLE = 64 * 2 ** 20;

/** ms that one sample may take. */
const PATIENCE = 60_000;

/** One thread's rate in bytes a second. */
export interface Rates {
  readonly median: number;
  readonly lowest: number;
  readonly highest: number;
  /** In the order in which they were taken. */
  readonly samples: readonly number[];
}

export interface BenchResult {
  readonly memory: Kind;
  readonly place: Place;
  readonly bytes: number;
  /** Reading the same memory on the same core in the same run, and deciding nothing: see `ceiling`. */
  readonly plainRead: Rates;
  readonly accelerators: readonly { readonly name: string; readonly rates: Rates }[];
}

export interface BenchReport {
  readonly environment: Readonly<Record<string, string | number>>;
  /** How the plain read is done. */
  readonly ceiling: string;
  readonly results: readonly BenchResult[];
}

type Work = (memory: BenchMemory) => void | Promise<void>;

interface Contender {
  readonly name: string;
  readonly work: Work;
  /** Goes over the memory once, and tells whether each answer was right. */
  readonly isRight?: (memory: BenchMemory) => Promise<boolean>;
}

/**
 * Measures every accelerator that can run here, and plain reading beside them; all take turns, sample by sample, and
 * each round starts with another one. A rate counts only with the right answers.
 *
 * @throws MultifdError `accelerator`, with its name, if one fails, answers wrongly or does not come to an end.
 * @param samples for each of them, after one that does not count.
 */
export async function benchAccelerators(
  probed: readonly ProbedAccelerator[],
  samples: number,
  signal: AbortSignal,
  onStep: (line: string) => void,
): Promise<BenchReport> {
  const able = probed.filter(({ probe }) => probe.ok);
  const contenders: Contender[] = [];
  const closing: (() => void | Promise<void>)[] = [];
  for (const { reference } of able) {
    const accelerator = await loadAccelerator(reference);
    const isTaken = contenders.some(({ name }) => name === accelerator.name);
    const name = isTaken ? `${accelerator.name} (${reference.module})` : accelerator.name;
    const detector = await blamed(name, async () => accelerator.open({ pageSize: PAGE_SIZE }), signal);
    closing.push(() => detector.close());
    contenders.push(contender(name, accelerator, detector));
  }
  const ceiling = plainReadWork();
  const results: BenchResult[] = [];
  for (const memory of KINDS) {
    for (const place of ['in cache', 'out of cache'] as const) {
      onStep(`${memory} memory, ${place}`);
      results.push(await measure(memory, place, ceiling.work, contenders, samples, signal));
    }
  }
  for (const close of closing) await close();
  return { environment: environment(), ceiling: ceiling.how, results };
}

async function measure(
  kind: Kind,
  place: Place,
  ceiling: Work,
  contenders: readonly Contender[],
  samples: number,
  signal: AbortSignal,
): Promise<BenchResult> {
  const bytes = PLACES[place];
  const memory = makeMemory(kind, bytes);
  const all: readonly Contender[] = [{ name: 'plain read', work: ceiling }, ...contenders];
  const entries = all.map((each) => ({ ...each, rates: [] as number[] }));
  const passes = Math.max(1, SAMPLE / bytes);
  for (const { name, isRight } of contenders) {
    if (isRight === undefined || (await blamed(name, () => isRight(memory), signal))) continue;
    throw new MultifdError('accelerator', `accelerator ${name} gave a wrong answer`, {
      hint: 'let it pass @multifd/conformance first',
    });
  }
  for (let round = 0; round <= samples; round++) {
    for (let turn = 0; turn < entries.length; turn++) {
      const entry = entries[(turn + round) % entries.length];
      if (entry === undefined) continue;
      const began = performance.now();
      await blamed(
        entry.name,
        async () => {
          for (let pass = 0; pass < passes; pass++) await entry.work(memory);
        },
        signal,
      );
      const rate = (bytes * passes * 1000) / (performance.now() - began);
      if (round > 0) entry.rates.push(Math.round(rate));
    }
  }
  const [read, ...rest] = entries.map(({ name, rates }) => ({ name, rates: summary(rates) }));
  return { memory: kind, place, bytes, plainRead: read?.rates ?? summary([]), accelerators: rest };
}

/** Other people's code: what goes wrong has its name, and an answer that never comes ends the wait. */
async function blamed<T>(name: string, work: () => Promise<T>, signal: AbortSignal): Promise<T> {
  signal.throwIfAborted();
  const end = Promise.withResolvers<never>();
  const onAbort = () => end.reject(signal.reason);
  const late = `accelerator ${name} gave no answer within ${PATIENCE} ms`;
  const timer = setTimeout(() => end.reject(new MultifdError('accelerator', late)), PATIENCE);
  signal.addEventListener('abort', onAbort);
  try {
    return await Promise.race([work(), end.promise]);
  } catch (error) {
    throw MultifdError.from(error, 'accelerator', `accelerator ${name} failed`);
  } finally {
    clearTimeout(timer);
    signal.removeEventListener('abort', onAbort);
  }
}

function contender(name: string, accelerator: Accelerator, detector: Detector): Contender {
  const work = inBatches(accelerator, (batch, answers) => detector.detect(batch, answers));
  const zeros = new Uint8Array(PAGE_SIZE);
  return {
    name,
    work,
    async isRight(memory) {
      let right = true;
      const checked = inBatches(accelerator, async (batch, answers) => {
        answers.fill(0xff);
        await detector.detect(batch, answers);
        for (let i = 0; i < batch.count; i++) {
          const start = batch.offsets[i] ?? 0;
          const page = memory.memory.subarray(start, start + PAGE_SIZE);
          right &&= answers[i] === (Buffer.compare(page, zeros) === 0 ? 1 : 0);
        }
      });
      await checked(memory);
      return right;
    },
  };
}

function inBatches(accelerator: Accelerator, detect: Detector['detect']): Work {
  const size = accelerator.capabilities.preferredBatch;
  const offsets = new Float64Array(size);
  const answers = new Uint8Array(size);
  return async ({ memory, wasmMemory }) => {
    const place = wasmMemory === undefined ? { memory } : { memory, wasmMemory };
    for (let start = 0; start < memory.length; start += size * PAGE_SIZE) {
      const count = Math.min(size, (memory.length - start) / PAGE_SIZE);
      for (let i = 0; i < count; i++) offsets[i] = start + i * PAGE_SIZE;
      const answer = detect({ ...place, offsets, count }, answers);
      if (answer !== undefined) await answer;
    }
  };
}

/** With the widest loads of this CPU; without the addon, as the C library compares memory with itself. */
function plainReadWork(): { work: Work; how: string } {
  const read = plainRead(PAGE_SIZE);
  if (read === undefined) {
    const how = 'Buffer.compare of the memory with itself (accel-native is not built)';
    return { work: ({ memory }) => void Buffer.compare(memory, memory.subarray()), how };
  }
  const size = 1024;
  const offsets = new Float64Array(size);
  const answers = new Uint8Array(size);
  const work: Work = ({ memory }) => {
    for (let start = 0; start < memory.length; start += size * PAGE_SIZE) {
      const count = Math.min(size, (memory.length - start) / PAGE_SIZE);
      for (let i = 0; i < count; i++) offsets[i] = start + i * PAGE_SIZE;
      read(memory, offsets, count, answers);
    }
  };
  return {
    work,
    how: 'every byte, with the widest loads of this CPU, and no decision before the end of a page',
  };
}

function summary(samples: readonly number[]): Rates {
  const sorted = samples.toSorted((a, b) => a - b);
  return {
    median: sorted[sorted.length >> 1] ?? 0,
    lowest: sorted[0] ?? 0,
    highest: sorted.at(-1) ?? 0,
    samples,
  };
}

function environment(): BenchReport['environment'] {
  return {
    cpu: cpus()[0]?.model ?? 'unknown',
    cores: cpus().length,
    node: process.versions.node,
    arch: process.arch,
    system: `${process.platform} ${release()}`,
    date: new Date().toISOString().slice(0, 10),
    'page-size': PAGE_SIZE,
  };
}
