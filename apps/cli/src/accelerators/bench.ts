import { cpus, release } from 'node:os';
import { setTimeout as wait } from 'node:timers/promises';
import {
  type Accelerator,
  type Detector,
  loadAccelerator,
  MultifdError,
  type ProbedAccelerator,
} from '@multifd/core';
import { KINDS, type Kind, makeMemory, PAGE_SIZE, PLACES, type Place } from './bench-memory.js';
import { plainReadWork, type Work } from './plain-read.js';

/** Bytes of guest memory that one sample goes over, at least: some milliseconds. */
const SAMPLE = 64 * 2 ** 20;

/** ms that opening, or one sample, may take: an accelerator that never answers must not hold the command. */
const PATIENCE = 30_000;

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

/**
 * Measures every accelerator that can run here, and plain reading beside them; all take turns, sample by sample, and
 * each round starts with another one.
 *
 * @param samples for each of them, after one that does not count.
 */
export async function benchAccelerators(
  probed: readonly ProbedAccelerator[],
  samples: number,
  signal: AbortSignal,
  onStep: (line: string) => void,
): Promise<BenchReport> {
  const able = probed.filter(({ probe }) => probe.ok);
  const accelerators = await Promise.all(able.map(({ reference }) => loadAccelerator(reference)));
  const works = new Map<string, Work>();
  const closing: (() => void | Promise<void>)[] = [];
  const ceiling = plainReadWork();
  const results: BenchResult[] = [];
  try {
    for (const accelerator of accelerators) {
      const opening = (async () => accelerator.open({ pageSize: PAGE_SIZE }))();
      const detector = await unlessStuck(accelerator.name, opening, signal);
      closing.push(() => detector.close());
      works.set(
        accelerator.name,
        inBatches(accelerator, (batch, answers) => detector.detect(batch, answers)),
      );
    }
    for (const memory of KINDS) {
      for (const place of ['in cache', 'out of cache'] as const) {
        onStep(`${memory} memory, ${place}`);
        signal.throwIfAborted();
        results.push(await measure(memory, place, ceiling.work, works, samples, signal));
      }
    }
  } finally {
    await closeAll(closing);
  }
  return { environment: environment(), ceiling: ceiling.how, results };
}

async function measure(
  kind: Kind,
  place: Place,
  ceiling: Work,
  works: ReadonlyMap<string, Work>,
  samples: number,
  signal: AbortSignal,
): Promise<BenchResult> {
  const bytes = PLACES[place];
  const memory = makeMemory(kind, bytes);
  const entries = [['', ceiling] as const, ...works].map(([name, work]) => ({
    name,
    work,
    rates: [] as number[],
  }));
  const passes = Math.max(1, SAMPLE / bytes);
  for (let round = 0; round <= samples; round++) {
    for (let turn = 0; turn < entries.length; turn++) {
      const entry = entries[(turn + round) % entries.length];
      if (entry === undefined) continue;
      const began = performance.now();
      const work = async () => {
        for (let pass = 0; pass < passes; pass++) await entry.work(memory);
      };
      await unlessStuck(entry.name, work(), signal);
      const rate = (bytes * passes * 1000) / (performance.now() - began);
      if (round > 0) entry.rates.push(Math.round(rate));
    }
  }
  const [read, ...rest] = entries.map(({ name, rates }) => ({ name, rates: summary(rates) }));
  return { memory: kind, place, bytes, plainRead: read?.rates ?? summary([]), accelerators: rest };
}

/** One that does not close is not waited for: the process ends without it. What fails has nothing to add. */
async function closeAll(closing: readonly (() => void | Promise<void>)[]): Promise<void> {
  const closed = new AbortController();
  const late = wait(1000, undefined, { signal: closed.signal }).catch(() => {});
  await Promise.race([Promise.allSettled(closing.map(async (close) => close())), late]);
  closed.abort();
}

/** @throws MultifdError `accelerator` if it takes too long, or whatever `signal` was aborted with. */
async function unlessStuck<T>(name: string, work: Promise<T>, signal: AbortSignal): Promise<T> {
  const over = new AbortController();
  const limit = AbortSignal.any([signal, over.signal]);
  const late = wait(PATIENCE, undefined, { signal: limit }).then(() => {
    throw new MultifdError('accelerator', `accelerator ${name} was not done after ${PATIENCE} ms`);
  });
  try {
    return await Promise.race([work, late]);
  } catch (error) {
    signal.throwIfAborted();
    throw MultifdError.from(error, 'accelerator', `accelerator ${name} failed`);
  } finally {
    over.abort();
    late.catch(() => {});
  }
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
