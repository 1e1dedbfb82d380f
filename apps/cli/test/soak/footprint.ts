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

/** What may be more in the end. */
const MAY_GROW: Footprint = {
  residentBytes: 64 * 2 ** 20,
  descriptors: 2,
  threads: 1,
  // V8's heap comes in pieces.
  mappings: 100,
  sharedBytes: 2 ** 20,
};

const NAMES = ['descriptors', 'threads', 'sharedBytes', 'residentBytes', 'mappings'] as const;
/** Heaps and arenas of threads grow for some hundred migrations: before, only what is counted can tell of a leak. */
const COUNTED = NAMES.slice(0, 3);
const SETTLED = 100;

/** The medians of the first and of the last third. @param samples at least three. */
export function trend(samples: readonly Footprint[]): {
  readonly early: Footprint;
  readonly late: Footprint;
} {
  const third = Math.floor(samples.length / 3);
  return { early: medians(samples.slice(0, third)), late: medians(samples.slice(-third)) };
}

/** One line for each that has grown. */
export function leaks(samples: readonly Footprint[]): readonly string[] {
  if (samples.length < 3) return ['too few samples to tell'];
  const { early, late } = trend(samples);
  const names = samples.length < SETTLED ? COUNTED : NAMES;
  return names.flatMap((name) =>
    late[name] - early[name] > MAY_GROW[name]
      ? [`${name}: ${early[name]} in the beginning, ${late[name]} in the end`]
      : [],
  );
}

function medians(samples: readonly Footprint[]): Footprint {
  const of = (name: keyof Footprint): number => {
    const sorted = samples.map((each) => each[name]).toSorted((a, b) => a - b);
    return sorted[Math.floor(sorted.length / 2)] ?? 0;
  };
  return {
    residentBytes: of('residentBytes'),
    descriptors: of('descriptors'),
    threads: of('threads'),
    mappings: of('mappings'),
    sharedBytes: of('sharedBytes'),
  };
}
