import { readdirSync, readFileSync } from 'node:fs';

/** What a process holds. */
export interface Footprint {
  readonly residentBytes: number;
  readonly descriptors: number;
  readonly threads: number;
  readonly mappings: number;
  /** Resident shared memory: memfds, and memory of JavaScript's threads where the kernel counts it so. */
  readonly sharedBytes: number;
}

/** Of this process, after a garbage collection. */
export function footprint(): Footprint {
  globalThis.gc?.();
  const status = readFileSync('/proc/self/status', 'latin1');
  const kibibytes = (name: string): number =>
    Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(status)?.[1] ?? 0);
  return {
    residentBytes: kibibytes('VmRSS') * 1024,
    descriptors: readdirSync('/proc/self/fd').length,
    threads: readdirSync('/proc/self/task').length,
    mappings: readFileSync('/proc/self/maps', 'latin1').split('\n').length - 1,
    sharedBytes: kibibytes('RssShmem') * 1024,
  };
}

/** What may be more in the end than after the first tenth, which loads and compiles all there is. */
const MAY_GROW: Footprint = {
  residentBytes: 64 * 2 ** 20,
  descriptors: 2,
  threads: 1,
  // V8's heap comes in pieces.
  mappings: 100,
  sharedBytes: 2 ** 20,
};

/** One line for each that has grown: the median of the last third of the samples is above the first third's. */
export function leaks(samples: readonly Footprint[]): readonly string[] {
  const third = Math.floor(samples.length / 3);
  if (third === 0) return ['too few samples to tell'];
  return (['residentBytes', 'descriptors', 'threads', 'mappings', 'sharedBytes'] as const).flatMap((name) => {
    const values = samples.map((each) => each[name]);
    const [early, late] = [median(values.slice(0, third)), median(values.slice(-third))];
    return late - early > MAY_GROW[name] ? [`${name}: ${early} in the beginning, ${late} in the end`] : [];
  });
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;
}
