import { cpus, release } from 'node:os';
import { plainRead } from '@multifd/accel-native';
import { loadAccelerator, type ProbedAccelerator } from '@multifd/core';
import { inBatches, type Work } from './batches.js';
import { KINDS, type Kind, makeMemory, PAGE_SIZE, PLACES, type Place } from './bench-memory.js';

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
  for (const accelerator of accelerators) {
    const detector = await accelerator.open({ pageSize: PAGE_SIZE });
    closing.push(() => detector.close());
    works.set(accelerator.name, inBatches(accelerator, detector));
  }
  const ceiling = plainReadWork();
  const results: BenchResult[] = [];
  for (const memory of KINDS) {
    for (const place of ['in cache', 'out of cache'] as const) {
      onStep(`${memory} memory, ${place}`);
      signal.throwIfAborted();
      results.push(await measure(memory, place, ceiling.work, works, samples));
    }
  }
  for (const close of closing) await close();
  return { environment: environment(), ceiling: ceiling.how, results };
}

async function measure(
  kind: Kind,
  place: Place,
  ceiling: Work,
  works: ReadonlyMap<string, Work>,
  samples: number,
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
      for (let pass = 0; pass < passes; pass++) await entry.work(memory);
      const rate = (bytes * passes * 1000) / (performance.now() - began);
      if (round > 0) entry.rates.push(Math.round(rate));
    }
  }
  const [read, ...rest] = entries.map(({ name, rates }) => ({ name, rates: summary(rates) }));
  return { memory: kind, place, bytes, plainRead: read?.rates ?? summary([]), accelerators: rest };
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
