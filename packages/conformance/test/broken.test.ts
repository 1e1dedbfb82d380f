import { availableParallelism } from 'node:os';
import { describe, expect, test } from 'vitest';
import { misanswering } from './broken/answers.js';
import { misbehaving } from './broken/life.js';
import { overlaps, overlapsRightly } from './broken/overlaps.js';
import { memcmpRuns, racing } from './broken/races.js';
import { misreading } from './broken/reads.js';
import { firstFailureOf, outcomes } from './helpers.js';

/** The race needs a second core, and is the only case that takes long; the others need not be shown it. */
const RACE = /while the guest writes/;
const BUT_THE_RACE = /^(?!.*while the guest writes)/;
/** ms that a case of a broken one that hangs takes. */
const TIMEOUT = 50;

describe('every broken accelerator is caught', () => {
  for (const broken of [...misreading, ...misanswering, ...misbehaving]) {
    test(broken.name, async () => {
      const timeout = broken.name.startsWith('hangs') ? TIMEOUT : 10_000;
      // One case that fails is enough: the others take most of the time.
      expect(await firstFailureOf(broken, { timeout }, BUT_THE_RACE)).toBeDefined();
    });
  }
});

describe('several batches in flight', () => {
  const ONLY = /as many batches of one detector at a time as it takes/;
  test.each(overlaps)('$name is caught, by that case alone', async (broken) => {
    const failed = (await outcomes(broken, {}, BUT_THE_RACE)).filter(({ outcome }) => outcome === 'failed');
    expect(failed.map(({ name }) => name)).toEqual([expect.stringMatching(ONLY)]);
  });

  test('one that keeps them apart passes it', async () => {
    const ended = await outcomes(overlapsRightly, {}, ONLY);
    expect(ended.map(({ outcome }) => outcome)).toEqual(['passed']);
  });
});

describe.skipIf(availableParallelism() < 2)(
  'one look over a run of pages, while another thread writes',
  () => {
    for (const broken of racing) {
      test(`${broken.name} is caught, by that case alone`, async () => {
        const failed = (await outcomes(broken)).filter(({ outcome }) => outcome === 'failed');
        expect(failed).not.toEqual([]);
        for (const { name, message } of failed) {
          expect(name).toMatch(RACE);
          expect(message).toMatch(/page \d*[13579], which nobody writes to/);
        }
      });
    }

    // glibc on x86-64 does it; another C library may compare in a way that is safe.
    const known = process.platform === 'linux' && process.arch === 'x64' && isGlibc();
    test.skipIf(!known)(`${memcmpRuns.name} is caught, by that case alone`, async () => {
      const others = await outcomes(memcmpRuns, {}, BUT_THE_RACE);
      expect(others.filter(({ outcome }) => outcome === 'failed')).toEqual([]);
      // It takes two cores at the same moment: on a machine full of other work that may need another go.
      let caught = false;
      for (let go = 0; go < 8 && !caught; go++) {
        caught = (await outcomes(memcmpRuns, {}, RACE)).some(({ outcome }) => outcome === 'failed');
      }
      expect(caught).toBe(true);
    });
  },
);

function isGlibc(): boolean {
  const report: unknown = process.report.getReport();
  const header: unknown =
    typeof report === 'object' && report !== null ? Reflect.get(report, 'header') : undefined;
  return typeof header === 'object' && header !== null && 'glibcVersionRuntime' in header;
}
