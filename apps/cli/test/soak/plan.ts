import type { ZeroPageDetection } from '@multifd/core';
import type { TrackerKind } from '@multifd/host-linux';
import type { Random } from '@multifd/testing/random';

const MIB = 2 ** 20;

/** Where a guest's memory lives. `wasm`: memory of JavaScript; the others are mapped by host-linux. */
export type Backing = 'wasm' | 'anon' | 'auto' | 'thp' | 'memfd' | 'file';
/** How its writes are seen. `marks`: the vCPU marks them itself. */
export type Tracker = 'marks' | TrackerKind;

/** What this machine can do, to draw from. */
export interface Choices {
  /** Accelerators, by `MODULE:NAME`. */
  readonly accelerators: readonly string[];
  /** Whether host-linux can be used: without it there is memory of JavaScript alone, and Node's own streams. */
  readonly hasHost: boolean;
  /** Of mapped memory. */
  readonly trackers: readonly Tracker[];
}

/** A guest, which makes several hops before the next one takes its place. */
export interface LifePlan {
  /** Bytes of each RAM block. */
  readonly blocks: readonly number[];
  readonly hops: number;
  readonly seed: number;
}

/** One migration. */
export interface HopPlan {
  /** Of the destination, where the guest runs on. */
  readonly backing: Backing;
  /** How the guest's writes are seen there, on its next hop. */
  readonly tracker: Tracker;
  /** Pages that the vCPU writes there each millisecond. */
  readonly burst: number;
  readonly channels: number;
  readonly detection: ZeroPageDetection;
  readonly accelerator: string;
  readonly compression: 'none' | 'zlib' | 'zstd' | 'auto';
  readonly flushAfterEachSection: boolean;
  readonly unixSocket: boolean;
  /** Whether each end's threads block in host-linux while they send and receive. */
  readonly socketIo: { readonly source: boolean; readonly destination: boolean };
  /** Before it, a migration that is cancelled after so many ms; undefined: none. */
  readonly cancelAfter: number | undefined;
}

export function drawLife(random: Random): LifePlan {
  // From one page to 24 MiB; the second one is no multiple of anything but a page.
  const large = [1, 4, 16, 24].map((size) => size * MIB)[random.int(4)] ?? MIB;
  const small = 4096 * (1 + random.int(300));
  const blocks = [[large], [large, small], [small], [small, large, 4096]][random.int(4)] ?? [large];
  return { blocks, hops: 2 + random.int(9), seed: random.int(2 ** 32) };
}

export function drawHop(random: Random, { accelerators, hasHost, trackers }: Choices): HopPlan {
  const pick = <T>(values: readonly T[], otherwise: T): T => values[random.int(values.length)] ?? otherwise;
  const backing = pick<Backing>(
    hasHost ? ['wasm', 'anon', 'auto', 'thp', 'memfd', 'file'] : ['wasm'],
    'wasm',
  );
  return {
    backing,
    tracker: backing === 'wasm' ? 'marks' : pick(trackers, 'marks'),
    burst: pick([1, 4, 16], 1),
    channels: pick([1, 2, 3, 4, 8], 2),
    detection: pick<ZeroPageDetection>(['none', 'legacy', 'multifd', 'multifd'], 'multifd'),
    accelerator: pick(accelerators, ''),
    compression: pick(['none', 'none', 'none', 'zlib', 'zstd', 'auto'] as const, 'none'),
    flushAfterEachSection: random.int(4) === 0,
    unixSocket: random.int(3) === 0,
    socketIo: { source: hasHost && random.int(3) > 0, destination: hasHost && random.int(3) > 0 },
    cancelAfter: random.int(10) === 0 ? random.int(60) : undefined,
  };
}

/** One line, for a hop that failed. */
export function nameOf(life: LifePlan, hop: HopPlan): string {
  return JSON.stringify({ blocks: life.blocks, ...hop });
}
