import assert from 'node:assert/strict';
import { type MessagePort, Worker } from 'node:worker_threads';
import { inTime } from '../../in-time.js';
import { WRITING_THREAD } from '../../threads.js';
import { type AcceleratorCase, type CaseContext, defineCase } from '../case.js';
import { assertAnswers, type GuestMemory, PLACES, type Place, pageOffsets, sharedPages } from '../memory.js';
import { Subject, withSubject } from '../subject.js';
import { DETECTING_THREAD } from './threads.js';

/** ms of detecting while another thread writes: some millions of pages for a fast kernel. */
const RACE = 1500;
/** Pages a batch, in turns: a check may take another way for a long run of neighbours than for a short one. */
const RACE_BATCHES = [8, 64];
/** On a busy machine the two seldom run at the same time: longer, until page 0 was seen used that often. */
const RACE_SEEN = 100_000;
const RACE_AT_MOST = 4000;

const inThreads = defineCase('detectors in three threads at once', (context) => detectInThreads(context, []));
const inThreadsShared = defineCase('detectors in three threads at once, with what they share', shared);
const overlapping = defineCase('as many batches of one detector at a time as it takes', overlap, {
  random: true,
});

export const concurrentCases: readonly AcceleratorCase[] = [
  defineCase('detectors that are asked at the same time do not mix', asked, { random: true }),
  {
    ...inThreads,
    skipped: (context) =>
      inThreads.skipped(context) ??
      (context.module === undefined ? 'the suite was not told its module' : undefined),
  },
  {
    ...inThreadsShared,
    skipped: (context) =>
      inThreadsShared.skipped(context) ??
      (context.module === undefined ? 'the suite was not told its module' : undefined) ??
      (context.accelerator.share === undefined ? 'it shares nothing between threads' : undefined),
  },
  {
    ...overlapping,
    skipped: (context) =>
      overlapping.skipped(context) ??
      ((context.accelerator.capabilities.inFlight ?? 1) === 1 ? 'it takes one batch at a time' : undefined),
  },
  ...PLACES.map((place) =>
    defineCase(
      `while the guest writes to a page, its neighbours keep their right answer${place.in}`,
      (context) => race(context, place),
    ),
  ),
];

/** In one thread: a synchronous detector answers at once, an asynchronous one has eight batches at work. */
async function asked(context: CaseContext): Promise<void> {
  const { pageSize, random } = context;
  const pages = 64;
  const offsets = pageOffsets(pages, pageSize);
  const subjects = await Promise.all(Array.from({ length: 8 }, () => Subject.open(context)));
  for (let round = 0; round < 10; round++) {
    await Promise.all(
      subjects.map(async (subject, index) => {
        const memory = sharedPages(pages, pageSize);
        const wanted = offsets.map(() => random(2));
        wanted.forEach((zero, page) => {
          if (zero === 0) memory[page * pageSize + random(pageSize)] = 1 + random(255);
        });
        assertAnswers(
          await subject.detect(memory, offsets),
          wanted,
          (page) => `detector ${index}, page ${page}`,
        );
      }),
    );
  }
  await Promise.all(subjects.map((subject) => subject.close()));
}

/** One detector, and `inFlight` calls of it: each with memory of its own, and all answers where they belong. */
async function overlap(context: CaseContext): Promise<void> {
  const { pageSize, random } = context;
  await withSubject(context, async (subject) => {
    const { inFlight } = subject;
    const pages = Math.min(256, subject.preferredBatch);
    const offsets = pageOffsets(pages, pageSize);
    for (let round = 0; round < 10; round++) {
      await Promise.all(
        Array.from({ length: inFlight }, async (_, call) => {
          const memory = sharedPages(pages, pageSize);
          const wanted = offsets.map(() => random(2));
          wanted.forEach((zero, page) => {
            if (zero === 0) memory[page * pageSize + random(pageSize)] = 1 + random(255);
          });
          const answers = await subject.detectBatch(memory, offsets);
          assertAnswers(answers, wanted, (page) => `round ${round}, call ${call}, page ${page}`);
        }),
      );
    }
  });
}

/** As core has it: shared once, in the thread that starts the others. */
async function shared(context: CaseContext): Promise<void> {
  const { accelerator, settings, timeout } = context;
  assert.ok(accelerator.share !== undefined);
  const device = await inTime(Promise.resolve(accelerator.share(settings)), timeout, 'share');
  try {
    await detectInThreads(context, [device.connect(), device.connect(), device.connect()]);
  } finally {
    await inTime(Promise.resolve(device.close()), timeout, 'close');
    await inTime(Promise.resolve(device.close()), timeout, 'close');
  }
}

async function detectInThreads(
  { accelerator, settings, module, pageSize, timeout }: CaseContext,
  lines: readonly MessagePort[],
): Promise<void> {
  const threads = Array.from({ length: 3 }, (_, thread) => {
    const line = lines[thread];
    const workerData = { module, name: accelerator.name, pageSize, settings, thread, line };
    const transferList = line === undefined ? [] : [line];
    return new Worker(DETECTING_THREAD, { eval: true, workerData, transferList });
  });
  const answered = threads.map(
    (thread) =>
      new Promise<unknown>((resolve, reject) => {
        thread.once('message', resolve);
        thread.once('error', reject);
        thread.once('exit', (code) => reject(new Error(`a thread ended with ${code} and no answer`)));
      }),
  );
  try {
    const answers = await inTime(Promise.all(answered), 2 * timeout, 'detecting in three threads');
    assert.deepEqual(answers, [[], [], []], 'wrong answers in the three threads');
  } finally {
    await Promise.all(threads.map((thread) => thread.terminate()));
  }
}

/**
 * The even pages are written to all the time and may be answered either way; nobody writes to the odd ones. What
 * this finds is a check that looks at several pages as one piece, and looks twice.
 */
async function race(context: CaseContext, place: Place): Promise<void> {
  const { pageSize } = context;
  const most = Math.max(...RACE_BATCHES);
  const guest = place.allocate(most, pageSize);
  const { memory } = guest;
  const wanted = Array.from({ length: most }, (_, page) => [-1, 0, -1, 0, -1, 0, -1, 1][page % 8]);
  for (let page = 0; page < most; page++) {
    if (page % 4 === 1) memory[(page + 1) * pageSize - 1] = 1;
    if (page % 8 === 3) memory.fill(0xaa, page * pageSize, (page + 1) * pageSize);
  }
  const { buffer, byteOffset: start, length } = memory;
  const writer = new Worker(WRITING_THREAD, { eval: true, workerData: { buffer, start, length, pageSize } });
  try {
    await new Promise((resolve, reject) => {
      writer.once('message', resolve);
      writer.once('error', reject);
    });
    await withSubject(context, async (subject) => {
      const seen = await watch(subject, guest);
      wanted.forEach((answer, page) => {
        const wrong = answer === 0 || answer === 1 ? (seen[1 - answer]?.[page] ?? 0) : 0;
        assert.equal(
          wrong,
          0,
          `page ${page}, which nobody writes to, was answered ${1 - Number(answer)} ${wrong} times`,
        );
      });
    });
  } finally {
    await writer.terminate();
  }
}

/** How often each page was answered 0, and 1. */
async function watch(subject: Subject, guest: GuestMemory): Promise<number[][]> {
  const counts = [...new Set(RACE_BATCHES.map((count) => Math.min(count, subject.preferredBatch)))];
  const most = Math.max(...counts);
  const offsets = Float64Array.from(pageOffsets(most, subject.pageSize));
  const isZero = new Uint8Array(most);
  const seen = [Array<number>(most).fill(0), Array<number>(most).fill(0)];
  const began = performance.now();
  const goesOn = (time: number) =>
    time < RACE || (time < RACE_AT_MOST && most > 1 && (seen[0]?.[0] ?? 0) < RACE_SEEN);
  while (goesOn(performance.now() - began)) {
    for (const count of counts) {
      for (let round = 0; round < 800 / count; round++) {
        await subject.ask(
          { ...guest, offsets: offsets.subarray(0, count), count },
          isZero.subarray(0, count),
        );
        for (let page = 0; page < count; page++) {
          const row = seen[isZero[page] ?? 0];
          if (row !== undefined) row[page] = (row[page] ?? 0) + 1;
        }
      }
    }
  }
  return seen;
}
