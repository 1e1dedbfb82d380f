import {
  hostBlocks,
  type MapOptions,
  mapRam,
  type Writers as Who,
  type WriteTracker,
} from '../../src/index.js';
import { Writers } from './guest.js';
import { announceAll } from './memory.js';
import { CopiedGuest } from './migration.js';

export interface SuiteOptions {
  readonly memory: readonly MapOptions[];
  readonly seed: number;
  readonly rounds: number;
}

/**
 * The suite for every tracker: threads write to a guest's memory while it is copied, round by round, by what the
 * tracker says; then they stop, and after one more round the copy is the memory, byte for byte.
 * @throws Error with the pages whose writes were lost.
 */
export async function checkTracker(
  { memory, seed, rounds }: SuiteOptions,
  make: (blocks: ReturnType<typeof mapRam>['descriptor'][], who: Who) => WriteTracker,
): Promise<{ writes: number; copied: number }> {
  const rams = memory.map(mapRam);
  const descriptors = rams.map(({ descriptor }) => descriptor);
  const blocks = descriptors.map((descriptor) => hostBlocks.open(descriptor));
  blocks.forEach(announceAll);
  const writers = await Writers.start(descriptors, seed);
  const tracker = make(descriptors, {
    in: 'this-process',
    pause: () => writers.pause(),
    resume: () => writers.resume(),
  });
  try {
    const guest = new CopiedGuest(tracker, descriptors);
    for (let round = 0; round < rounds; round++) {
      guest.round();
      await writers.waitForWrites(20);
    }
    await writers.end();
    guest.round();
    const lost = guest.lost(blocks);
    guest.close();
    if (lost.length > 0)
      throw new Error(`seed ${seed}: writes to ${lost.length} pages were lost: ${lost.slice(0, 8)}`);
    return { writes: writers.writes(), copied: guest.copied };
  } finally {
    await writers.end();
    tracker.close();
    for (const each of [...blocks, ...rams]) each.close();
  }
}
