import { type AcceleratorCase, type CaseContext, defineCase, PAGE_SIZES } from '../case.js';
import { assertAnswers, pageOffsets, sharedPages } from '../memory.js';
import { Subject } from '../subject.js';

const twoSizes = defineCase('detectors for two page sizes at the same time', twoPageSizes);

export const lifeCases: readonly AcceleratorCase[] = [
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
  defineCase('closing one detector while another is at work', closedBeside),
  {
    ...twoSizes,
    skipped: (context) =>
      twoSizes.skipped(context) ?? (sizesOf(context).length < 2 ? 'declares only one page size' : undefined),
  },
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

/** A synchronous detector is done by then; one that works on must not be disturbed. */
async function closedBeside(context: CaseContext): Promise<void> {
  const { pageSize } = context;
  const memory = sharedPages(2, pageSize);
  memory[pageSize] = 1;
  const offsets = pageOffsets(2, pageSize);
  const second = await Subject.open(context);
  for (let round = 0; round < 5; round++) {
    const first = await Subject.open(context);
    const [answers] = await Promise.all([second.detect(memory, offsets), first.close()]);
    assertAnswers(answers, [1, 0], (page) => `page ${page}`);
  }
  await second.close();
}

const sizesOf = ({ accelerator }: CaseContext) => {
  const { min, max } = accelerator.capabilities.pageSize;
  return PAGE_SIZES.filter((size) => size >= min && size <= max);
};

/** The last byte of the larger page is used, so that whoever takes one size for the other says "zero". */
async function twoPageSizes(context: CaseContext): Promise<void> {
  const sizes = sizesOf(context);
  const subjects = await Promise.all(
    [...sizes, ...sizes.toReversed()].map((pageSize) => Subject.open({ ...context, pageSize })),
  );
  for (const subject of subjects) {
    const { pageSize } = subject;
    const memory = sharedPages(3, pageSize);
    memory[2 * pageSize - 1] = 1;
    assertAnswers(
      await subject.detect(memory, pageOffsets(3, pageSize)),
      [1, 0, 1],
      (page) => `page ${page} of ${pageSize} bytes`,
    );
  }
  for (const subject of subjects) await subject.close();
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
