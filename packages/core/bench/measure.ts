/** One thing that is measured: `run` does the work once, over `pages` pages of 4 KiB. */
export interface Contender {
  readonly name: string;
  /** Pages that one `run` handles. */
  readonly pages: number;
  /** Packets that one `run` handles, where packets are what is counted. */
  readonly packets?: number;
  /** How often `run` is called for one sample. Default 1. */
  readonly passes?: number;
  /** Called before each sample, not timed. */
  prepare?(): void;
  run(): void | Promise<void>;
}

export interface Group {
  readonly name: string;
  readonly contenders: readonly Contender[];
}

/** `nsPerPage`: wall time of one thread, samples in the order in which they were taken. */
export interface Result {
  readonly group: string;
  readonly name: string;
  readonly pages: number;
  readonly packets: number | undefined;
  readonly nsPerPage: readonly number[];
}

/**
 * All contenders of a group take turns, sample by sample, and each round starts with another one, so that other
 * people's work on the machine hits all of them. The first round warms up and does not count.
 */
export async function measure(group: Group, samples: number): Promise<Result[]> {
  const { contenders } = group;
  const taken = contenders.map((): number[] => []);
  for (let round = 0; round <= samples; round++) {
    for (let turn = 0; turn < contenders.length; turn++) {
      const index = (turn + round) % contenders.length;
      const contender = contenders[index];
      if (contender === undefined) continue;
      const ns = await sample(contender);
      if (round > 0) taken[index]?.push(ns);
    }
  }
  return contenders.map(({ name, pages, packets }, index) => ({
    group: group.name,
    name,
    pages,
    packets,
    nsPerPage: taken[index] ?? [],
  }));
}

async function sample(contender: Contender): Promise<number> {
  const { pages, passes = 1 } = contender;
  contender.prepare?.();
  const began = performance.now();
  for (let pass = 0; pass < passes; pass++) {
    const pending = contender.run();
    if (pending !== undefined) await pending;
  }
  const ns = ((performance.now() - began) * 1e6) / (pages * passes);
  // To a hundredth of a nanosecond, which is finer than it repeats.
  return Math.round(ns * 100) / 100;
}
