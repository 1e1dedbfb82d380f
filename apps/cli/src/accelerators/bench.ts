import { cpus, release } from 'node:os';
import type { ProbedAccelerator } from '@multifd/core';
import { KINDS, type Kind, makeMemory, PAGE_SIZE, PLACES, type Place } from './bench-memory.js';
import { type Contender, checkAnswers, contenderOf } from './contender.js';
import { closeAll, inItsName } from './foreign-code.js';
import { loadMeasured, openDetector } from './open-detector.js';
import { plainReadWork, type Work } from './plain-read.js';

/** Bytes of guest memory that one sample goes over, at least: some milliseconds. */
const SAMPLE = 64 * 2 ** 20;

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
  const ceiling = plainReadWork();
  const results: BenchResult[] = [];
  try {
    for (const { reference } of able) {
      const isTaken = contenders.some(({ name }) => name === reference.name);
      const name = isTaken ? `${reference.name} (${reference.module})` : reference.name;
      const measured = await loadMeasured(reference);
      const detector = await inItsName(name, () => openDetector(measured), signal);
      closing.push(() => detector.close());
      contenders.push(contenderOf(name, measured.accelerator, detector));
    }
    for (const memory of KINDS) {
      for (const place of ['in cache', 'out of cache'] as const) {
        onStep(`${memory} memory, ${place}`);
        results.push(await measure(memory, place, ceiling.work, contenders, samples, signal));
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
  contenders: readonly Contender[],
  samples: number,
  signal: AbortSignal,
): Promise<BenchResult> {
  const bytes = PLACES[place];
  const memory = makeMemory(kind, bytes);
  const all: readonly Contender[] = [{ name: 'plain read', work: ceiling }, ...contenders];
  const entries = all.map((each) => {
    const rates: number[] = [];
    return { ...each, rates };
  });
  const passes = Math.max(1, SAMPLE / bytes);
  for (const contender of contenders) await checkAnswers(contender, memory, signal);
  for (let round = 0; round <= samples; round++) {
    for (let turn = 0; turn < entries.length; turn++) {
      const entry = entries[(turn + round) % entries.length];
      if (entry === undefined) continue;
      const began = performance.now();
      const work = async () => {
        for (let pass = 0; pass < passes; pass++) await entry.work(memory);
      };
      await inItsName(entry.name, work, signal);
      const rate = (bytes * passes * 1000) / (performance.now() - began);
      if (round > 0) entry.rates.push(Math.round(rate));
    }
  }
  const [read, ...rest] = entries.map(({ name, rates }) => ({ name, rates: summary(rates) }));
  return { memory: kind, place, bytes, plainRead: read?.rates ?? summary([]), accelerators: rest };
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

export function environment(): BenchReport['environment'] {
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
