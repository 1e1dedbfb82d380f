import assert from 'node:assert/strict';
import { setTimeout as wait } from 'node:timers/promises';
import { type CaseContext, defineCase } from '../case.js';
import { assertAnswers, pageOffsets, sharedPages } from '../memory.js';
import { withSubject } from '../subject.js';

/** ms in which a detector that goes on after its answer would be seen to. */
const LATE = 250;

export const timingCases = [
  defineCase('all answers are there when it says so, and nothing is written later', notEarly),
  defineCase('what happens to memory after an answer changes nothing', memoryIsBack),
];

/** Large batches with their last page used: whoever is done too early, or too late, has the most to miss. */
async function notEarly(context: CaseContext): Promise<void> {
  const { pageSize } = context;
  await withSubject(context, async (subject) => {
    const count = Math.min(1024, subject.preferredBatch);
    const memory = sharedPages(count, pageSize);
    memory[count * pageSize - 1] = 1;
    const offsets = Float64Array.from(pageOffsets(count, pageSize));
    const results: Uint8Array[] = [];
    for (let round = 0; round < 5; round++) {
      const isZero = new Uint8Array(count).fill(0xee);
      await subject.ask({ memory, offsets, count }, isZero);
      const wanted = Array.from({ length: count }, (_, page) => (page === count - 1 ? 0 : 1));
      assertAnswers([...isZero], wanted, (page) => `round ${round}, page ${page} (238: not there yet)`);
      results.push(isZero.fill(0xee));
    }
    await wait(LATE);
    const late = results.filter((isZero) => isZero.some((entry) => entry !== 0xee)).length;
    assert.equal(late, 0, `wrote to ${late} of ${results.length} results after it had said that it was done`);
  });
}

async function memoryIsBack(context: CaseContext): Promise<void> {
  const { pageSize } = context;
  await withSubject(context, async (subject) => {
    const count = Math.min(64, subject.preferredBatch);
    const memory = sharedPages(count, pageSize);
    const offsets = Float64Array.from(pageOffsets(count, pageSize));
    const isZero = new Uint8Array(count).fill(0xee);
    await subject.ask({ memory, offsets, count }, isZero);
    memory.fill(1);
    offsets.fill(Number.NaN);
    await wait(LATE);
    assertAnswers(
      [...isZero],
      Array<number>(count).fill(1),
      (page) => `page ${page}, which was zero when asked`,
    );
  });
}
