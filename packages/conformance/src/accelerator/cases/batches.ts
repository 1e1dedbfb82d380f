import { type CaseContext, defineCase } from '../case.js';
import { assertAnswers, pageOffsets, sharedPages } from '../memory.js';
import { limitsOf, withSubject } from '../subject.js';

/** Sizes of batches in pages: none, one, around the widths that kernels are made for, and thousands. */
const SIZES = [0, 1, 2, 3, 63, 64, 65, 127, 128, 129, 5000];

export const batchCases = [
  ...SIZES.map((size) =>
    defineCase(`a batch of ${size} pages is answered in full`, (context) => batchOf(context, size), {
      random: true,
    }),
  ),
  defineCase(
    'batches of as many pages as it likes best, and one less',
    async (context) => {
      // Memory for the largest batch there is would be 4 GiB: pages come more than once instead.
      const { preferredBatch } = await limitsOf(context);
      await batchOf(context, preferredBatch);
      if (preferredBatch > 1) await batchOf(context, preferredBatch - 1);
    },
    { random: true },
  ),
];

/** One batch, or, above what the accelerator likes, as many as core would make of it. No answer follows from others. */
async function batchOf(context: CaseContext, size: number): Promise<void> {
  const { pageSize, random } = context;
  const pages = Math.max(1, Math.min(size, 1021));
  const memory = sharedPages(pages, pageSize);
  const isZero = Array.from({ length: pages }, () => random(2));
  isZero.forEach((zero, page) => {
    if (zero === 0) memory[page * pageSize + random(pageSize)] = 1 + random(255);
  });
  const places = pageOffsets(pages, pageSize);
  const offsets = Array.from({ length: size }, (_, i) => places[i % pages] ?? 0);
  const wanted = offsets.map((_, i) => isZero[i % pages] ?? 1);
  await withSubject(context, async (subject) => {
    const answers =
      size === 0 ? await subject.detectBatch(memory, []) : await subject.detect(memory, offsets);
    assertAnswers(answers, wanted, (i) => `entry ${i} of ${size}`);
  });
}
