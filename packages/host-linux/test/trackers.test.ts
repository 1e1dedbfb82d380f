import { testSeed } from '@multifd/testing/random';
import { describe, expect, test } from 'vitest';
import { chooseTracker, type TrackerKind } from '../src/index.js';
import { built } from './support/addon.js';
import { KINDS, MIB, mappedOnce, optionsOf } from './support/memory.js';
import { checkTracker } from './support/tracker-suite.js';

const ROUNDS = Number(process.env.MULTIFD_TRACKER_ROUNDS ?? 60);

/** Why a kind cannot be used on this machine; undefined if it can. */
function lacking(kind: TrackerKind): string | undefined {
  if (!built) return 'there is no addon';
  return mappedOnce((block) => {
    const writers = { in: 'this-process', pause: () => {}, resume: () => {} } as const;
    try {
      chooseTracker({ blocks: [block], pageSize: 4096, kind, writers }).tracker.close();
      return undefined;
    } catch (error) {
      return error instanceof Error ? error.message : String(error);
    }
  });
}

describe.each(['uffd', 'soft-dirty', 'digest'] as const)('writes are not lost with %s', (kind) => {
  const why = lacking(kind);
  if (why !== undefined) {
    test.skip(`in any memory: ${why}`, () => {});
    return;
  }
  const make = (
    blocks: Parameters<typeof chooseTracker>[0]['blocks'],
    writers: Parameters<typeof chooseTracker>[0]['writers'],
  ) => chooseTracker({ blocks, pageSize: 4096, kind, ...(writers && { writers }) }).tracker;

  test.each(KINDS)('in %s memory', async (memory) => {
    const seed = testSeed();
    const result = await checkTracker({ memory: [optionsOf(memory, 8 * MIB)], seed, rounds: ROUNDS }, make);
    expect(result.writes).toBeGreaterThan(ROUNDS);
  });

  test('in a guest of several blocks of different kinds', async () => {
    const seed = testSeed();
    const memory = KINDS.map((each, index) => ({
      ...optionsOf(each, (2 + index) * MIB),
      name: `block${index}`,
    }));
    const result = await checkTracker({ memory, seed, rounds: ROUNDS }, make);
    expect(result.writes).toBeGreaterThan(ROUNDS);
  });
});
