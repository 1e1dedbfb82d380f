import { type AcceleratorReference, MultifdError, type ProbedAccelerator } from '@multifd/core';
import { environment } from './bench.js';
import { type BenchMemory, makeMemory } from './bench-memory.js';
import { checkAnswers, contenderOf } from './contender.js';
import { closeAll, inItsName } from './foreign-code.js';
import { loadMeasured, type Measured, openAttached } from './open-detector.js';

/** Of guest memory, more than any cache holds: half of its pages are used. */
const LENGTH = 256 * 2 ** 20;

/** Pages a batch that are tried, up to what the accelerator likes best. */
const BATCHES = [64, 256, 1024, 2048, 4096, 8192, 16384, 65536];

/** Passes over memory that is on the device already. */
const RESIDENT_PASSES = 32;

/** What a rate costs. */
export interface Cost {
  /** Of guest memory, with the way there and back. */
  readonly bytesPerSecond: number;
  /** CPU time of this whole process for each GB of guest memory, in seconds: driver and copying included. */
  readonly cpuSecondsPerGB: number;
}

export interface OffloadReport {
  readonly environment: Readonly<Record<string, string | number>>;
  readonly accelerator: string;
  /** What it says of itself: kernel and device. */
  readonly detail: string;
  readonly withTransfer: Cost;
  /** Of memory that is on the device already; undefined for one that cannot tell. */
  readonly residentBytesPerSecond: number | undefined;
  readonly batches: readonly ({ readonly pages: number } & Cost)[];
  /** The best of this CPU, one thread. */
  readonly cpu: { readonly name: string } & Cost;
  /**
   * Of a job that takes as long as the accelerator needs for it, for each GB: what the CPU would have spent, less what
   * the offload spent. Negative: the offload costs CPU time.
   */
  readonly cpuSecondsSavedPerGB: number;
  /** Pages of the smallest batch that is as fast as the CPU, and that costs it less time; null: none. */
  readonly fasterFrom: number | null;
  readonly cheaperFrom: number | null;
}

/** Who is measured. */
export interface Compared {
  /** The accelerator itself; it must be able to run. */
  readonly reference: AcceleratorReference;
  /** What errors call it: a stranger's may have a name of ours. */
  readonly name: string;
  readonly detail: string;
  /** The best check that the CPU has. */
  readonly baseline: ProbedAccelerator;
}

export interface OffloadSettings {
  /** Passes for each number, after one that does not count; the fastest counts. */
  readonly samples: number;
  /** Pages of each batch, no more than the accelerator takes; undefined: several sizes up to that. */
  readonly batch: number | undefined;
}

/**
 * Measures one accelerator, in batches of several sizes and without transfers, against the best check that the CPU has.
 * @throws MultifdError `accelerator`, with its name, if it fails, answers wrongly or does not come to an end; `usage` for
 *   a batch that it does not take.
 */
export async function benchOffload(
  { reference, name, detail, baseline }: Compared,
  { samples, batch }: OffloadSettings,
  signal: AbortSignal,
  onStep: (line: string) => void,
): Promise<OffloadReport> {
  const measured = await loadMeasured(reference);
  const { accelerator } = measured;
  const measuredCpu = await loadMeasured(baseline.reference);
  const cpu = measuredCpu.accelerator;
  const most = accelerator.capabilities.preferredBatch;
  if (batch !== undefined && batch > most) {
    throw new MultifdError('usage', `--batch ${batch}: ${accelerator.name} takes ${most} pages at most`);
  }
  const memory = makeMemory('mixed', LENGTH);
  onStep(cpu.name);
  const cpuCost = await costOf(
    measuredCpu,
    cpu.name,
    memory,
    cpu.capabilities.preferredBatch,
    samples,
    signal,
  );
  const sizes = batch === undefined ? [...BATCHES.filter((each) => each < most), most] : [batch];
  const batches: ({ pages: number } & Cost)[] = [];
  for (const pages of sizes) {
    onStep(`${accelerator.name}, batches of ${pages} pages`);
    batches.push({ pages, ...(await costOf(measured, name, memory, pages, samples, signal)) });
  }
  const withTransfer = batches.at(-1) ?? cpuCost;
  onStep(`${accelerator.name}, memory on the device`);
  const residentBytesPerSecond = await inItsName(
    name,
    () => accelerator.residentRate?.(RESIDENT_PASSES, measured.settings),
    signal,
  );
  const first = (pays: (cost: Cost) => boolean): number | null => batches.find(pays)?.pages ?? null;
  return {
    environment: environment(),
    accelerator: accelerator.name,
    detail,
    withTransfer: {
      bytesPerSecond: withTransfer.bytesPerSecond,
      cpuSecondsPerGB: withTransfer.cpuSecondsPerGB,
    },
    residentBytesPerSecond:
      residentBytesPerSecond === undefined ? undefined : Math.round(residentBytesPerSecond),
    batches,
    cpu: { name: baseline.probe.ok ? baseline.probe.detail : cpu.name, ...cpuCost },
    cpuSecondsSavedPerGB: rounded(cpuCost.cpuSecondsPerGB - withTransfer.cpuSecondsPerGB),
    fasterFrom: first(({ bytesPerSecond }) => bytesPerSecond >= cpuCost.bytesPerSecond),
    cheaperFrom: first(({ cpuSecondsPerGB }) => cpuSecondsPerGB <= cpuCost.cpuSecondsPerGB),
  };
}

/** The fastest of some passes over all of the memory, and the CPU time of all of them. Counts only with right answers. */
async function costOf(
  measured: Measured,
  name: string,
  memory: BenchMemory,
  pages: number,
  samples: number,
  signal: AbortSignal,
): Promise<Cost> {
  const detector = await inItsName(name, () => openAttached(measured, memory), signal);
  try {
    const contender = contenderOf(name, measured.accelerator, detector, pages);
    const pass = () => inItsName(name, () => contender.work(memory), signal);
    await checkAnswers(contender, memory, signal);
    await pass();
    const cpuBefore = process.cpuUsage();
    let best = Number.POSITIVE_INFINITY;
    for (let sample = 0; sample < samples; sample++) {
      const began = performance.now();
      await pass();
      best = Math.min(best, performance.now() - began);
    }
    const { user, system } = process.cpuUsage(cpuBefore);
    // If a pass was cut short, calls are in flight: then closing withdraws the memory.
    await inItsName(name, () => detector.detach?.(), signal);
    return {
      bytesPerSecond: Math.round((LENGTH * 1000) / best),
      cpuSecondsPerGB: rounded((user + system) / 1e6 / ((LENGTH * samples) / 1e9)),
    };
  } finally {
    await closeAll([() => detector.close()]);
  }
}

function rounded(seconds: number): number {
  return Math.round(seconds * 1e4) / 1e4;
}
