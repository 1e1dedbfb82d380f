import assert from 'node:assert/strict';
import type { Probe } from '@multifd/core/accelerator';
import { inTime } from '../../in-time.js';
import { oneLine } from '../../one-line.js';
import type { AcceleratorCase, CaseContext } from '../case.js';

/** Asked of every accelerator, also of one that cannot run here. */
function always(name: string, run: (context: CaseContext) => Promise<void>): AcceleratorCase {
  return { name, random: false, skipped: () => undefined, run };
}

export const probeCases: readonly AcceleratorCase[] = [
  always('says what it is', async ({ accelerator }) => {
    assert.equal(accelerator.specVersion, 2, 'specVersion');
    assert.match(accelerator.name, /^[a-z0-9][a-z0-9-]*(:[a-z0-9-]+)?$/, 'name');
    const { pageSize, preferredBatch, inFlight = 1 } = accelerator.capabilities;
    for (const size of [pageSize.min, pageSize.max]) {
      assert.ok(Number.isInteger(Math.log2(size)), `page size ${size} is not a power of two`);
    }
    assert.ok(pageSize.min <= pageSize.max, 'pageSize.min is above pageSize.max');
    assert.ok(
      Number.isInteger(preferredBatch) && preferredBatch >= 1 && preferredBatch <= 2 ** 20,
      `preferredBatch ${preferredBatch} is not a whole number from 1 to 2^20`,
    );
    assert.ok(
      Number.isInteger(inFlight) && inFlight >= 1 && inFlight <= 64,
      `inFlight ${inFlight} is not a whole number from 1 to 64`,
    );
  }),

  always('probe says what would run, or why not and what to do', async ({ probe }) => {
    if (probe.ok) oneLine('detail', probe.detail);
    else {
      oneLine('reason', probe.reason);
      oneLine('fix', probe.fix);
    }
  }),

  always(
    'probe may be asked again, also by many at once',
    async ({ accelerator, settings, probe, timeout }) => {
      const ask = async (): Promise<Probe> => inTime(accelerator.probe(settings), timeout, 'probe');
      for (const again of await Promise.all([ask(), ask(), ask()])) {
        assert.equal(again.ok, probe.ok, 'another answer than before');
      }
    },
  ),
];
