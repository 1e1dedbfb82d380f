import assert from 'node:assert/strict';
import { type CaseContext, defineCase } from '../case.js';
import { assertAnswers, pageOffsets, sharedPages } from '../memory.js';
import { Subject, withSubject } from '../subject.js';

export const bufferCases = [
  defineCase('the input is never written to', inputUntouched),
  defineCase('the result is written in full, whatever it held', resultWritten),
  defineCase('offsets and a result that are longer than the batch', longerBuffers),
  defineCase('a page that changed is answered anew', answersAnew),
  defineCase('other memory at the same offsets is answered anew', otherMemory),
];

async function inputUntouched(context: CaseContext): Promise<void> {
  const { pageSize } = context;
  const pages = 130;
  const memory = sharedPages(pages + 2, pageSize);
  for (let i = 0; i < (pages / 2) * pageSize; i++) memory[i] = i % 251;
  const before = memory.slice();
  const offsets = Float64Array.from({ length: pages }, (_, i) => (pages - i) * pageSize);
  await withSubject(context, async (subject) => {
    const { preferredBatch } = subject;
    for (let first = 0; first < pages; first += preferredBatch) {
      const some = offsets.subarray(first, first + preferredBatch);
      const someBefore = some.slice();
      await subject.ask({ memory, offsets: some, count: some.length }, new Uint8Array(some.length));
      assert.deepEqual(some, someBefore, 'offsets were written to');
    }
  });
  assert.equal(Buffer.compare(before, memory), 0, 'the memory was written to');
}

async function resultWritten(context: CaseContext): Promise<void> {
  const { pageSize } = context;
  await withSubject(context, async (subject) => {
    const count = Math.min(128, subject.preferredBatch);
    const memory = sharedPages(count, pageSize);
    for (let page = 0; page < count; page += 2) memory[page * pageSize + page] = 1;
    const offsets = Float64Array.from(pageOffsets(count, pageSize));
    const wanted = Array.from({ length: count }, (_, page) => page % 2);
    for (const held of [0, 1, 2, 0xff]) {
      const isZero = new Uint8Array(count).fill(held);
      await subject.ask({ memory, offsets, count }, isZero);
      assertAnswers([...isZero], wanted, (page) => `page ${page}, whose entry held ${held}`);
    }
  });
}

/** `count` says how many: what a caller has behind that, in buffers that it uses again, is not the batch's. */
async function longerBuffers(context: CaseContext): Promise<void> {
  const { pageSize } = context;
  await withSubject(context, async (subject) => {
    const count = Math.min(3, subject.preferredBatch);
    const memory = sharedPages(count, pageSize);
    memory[pageSize - 1] = 1;
    const offsets = new Float64Array(count + 5);
    offsets.set(pageOffsets(count, pageSize));
    const isZero = new Uint8Array(count + 5).fill(0xee);
    await subject.ask({ memory, offsets, count }, isZero);
    const wanted = Array.from({ length: count + 5 }, (_, page) => (page === 0 ? 0 : page < count ? 1 : 0xee));
    assertAnswers([...isZero], wanted, (page) => `entry ${page} of a batch of ${count}`);
  });
}

/** The same batch object over and over, as a caller may do that reuses its buffers. */
async function answersAnew(context: CaseContext): Promise<void> {
  const { pageSize } = context;
  const memory = sharedPages(2, pageSize);
  await withSubject(context, async (subject) => {
    const count = Math.min(2, subject.preferredBatch);
    const batch = { memory, offsets: Float64Array.of(0, pageSize).subarray(0, count), count };
    const isZero = new Uint8Array(count);
    for (let round = 0; round < 20; round++) {
      const used = round % 4 === 0 ? undefined : (round % 2) * pageSize + ((round * 997) % pageSize);
      if (used !== undefined) memory[used] = 1;
      await subject.ask(batch, isZero);
      const wanted = [0, pageSize]
        .slice(0, count)
        .map((offset) => (used !== undefined && used >= offset && used < offset + pageSize ? 0 : 1));
      assertAnswers([...isZero], wanted, (page) => `round ${round}, page ${page}`);
      if (used !== undefined) memory[used] = 0;
    }
  });
}

async function otherMemory(context: CaseContext): Promise<void> {
  const { pageSize } = context;
  const memories = [sharedPages(3, pageSize), sharedPages(3, pageSize), new Uint8Array(3 * pageSize).fill(1)];
  memories[1]?.fill(0xa5, pageSize, 2 * pageSize);
  const wanted = [
    [1, 1, 1],
    [1, 0, 1],
    [0, 0, 0],
  ];
  const subject = await Subject.open(context);
  for (const turn of [0, 1, 2, 1, 0, 2, 0]) {
    const answers = await subject.detect(
      memories[turn] ?? sharedPages(3, pageSize),
      pageOffsets(3, pageSize),
    );
    assertAnswers(answers, wanted[turn] ?? [], (page) => `memory ${turn}, page ${page}`);
  }
  await subject.close();
}
