import { type CaseContext, defineCase } from '../case.js';
import { assertAnswers, pageOffsets, sharedPages } from '../memory.js';
import { Subject } from '../subject.js';

export const lifeCases = [
  defineCase('close may be called twice', async (context) => {
    const used = await Subject.open(context);
    await used.detect(sharedPages(1, context.pageSize), [0]);
    await used.close();
    await used.close();
    const unused = await Subject.open(context);
    await unused.close();
    await unused.close();
  }),
  defineCase('closing one detector leaves the others alone', othersGoOn),
  defineCase('a hundred detectors, one after the other', async (context) => {
    for (let round = 0; round < 100; round++) await useOnce(context, round);
  }),
];

async function othersGoOn(context: CaseContext): Promise<void> {
  const [first, second] = [await Subject.open(context), await Subject.open(context)];
  const memory = sharedPages(2, context.pageSize);
  memory[context.pageSize] = 1;
  const offsets = pageOffsets(2, context.pageSize);
  await first.detect(memory, offsets);
  await first.close();
  assertAnswers(await second.detect(memory, offsets), [1, 0], (page) => `page ${page}`);
  await useOnce(context, 1);
  assertAnswers(await second.detect(memory, offsets), [1, 0], (page) => `page ${page}`);
  await second.close();
}

async function useOnce(context: CaseContext, round: number): Promise<void> {
  const { pageSize } = context;
  const memory = sharedPages(2, pageSize);
  memory[pageSize + (round % pageSize)] = 1;
  const subject = await Subject.open(context);
  assertAnswers(
    await subject.detect(memory, [pageSize, 0]),
    [0, 1],
    (page) => `detector ${round}, entry ${page}`,
  );
  await subject.close();
}
