import assert from 'node:assert/strict';
import { Worker } from 'node:worker_threads';
import { inTime } from '../../in-time.js';
import { WRITING_THREAD, WRITTEN_WORDS } from '../../threads.js';
import { TestBlock } from '../block.js';
import { type CodecCase, type CodecContext, defineCase } from '../case.js';
import { bytesOf, type TestChannel, withChannel } from '../channel.js';
import { FILLS, filledPages, neighbours } from '../memory.js';
import { PASSING_THREAD } from './threads.js';

/** ms of packets while another thread writes to their pages. */
const RACE = 1500;
const COUNT = 16;

const inThreads = defineCase('channels in three threads at once', passInThreads);

export const concurrentCases: readonly CodecCase[] = [
  {
    ...inThreads,
    skipped: (context) =>
      inThreads.skipped(context) ??
      (context.module === undefined ? 'the suite was not told its module' : undefined),
  },
  defineCase('while the guest writes to pages, their neighbours arrive as they are', race),
];

async function passInThreads({ method, module, pageSize, settings, timeout }: CodecContext): Promise<void> {
  const threads = Array.from({ length: 3 }, (_, thread) => {
    const workerData = { module, name: method.name, pageSize, settings, thread };
    return new Worker(PASSING_THREAD, { eval: true, workerData });
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
    const answers = await inTime(Promise.all(answered), 2 * timeout, 'packets in three threads');
    assert.deepEqual(answers, [[], [], []], 'packets that came out wrong in the three threads');
  } finally {
    await Promise.all(threads.map((thread) => thread.terminate()));
  }
}

/**
 * The even pages are written to all the time; nobody writes to the odd ones. Each odd page is what the even one before
 * it is when all its words are cleared, so that a codec that looks twice may take the one for the other.
 */
async function race(context: CodecContext): Promise<void> {
  const { pageSize, random } = context;
  const memory = filledPages(COUNT, pageSize, FILLS.text ?? (() => {}), random);
  const words = new Int32Array(memory.buffer);
  for (let page = 0; page < COUNT; page += 2) {
    for (const at of WRITTEN_WORDS) words[(page * pageSize) / 4 + at] = 0;
    memory.copyWithin((page + 1) * pageSize, page * pageSize, (page + 1) * pageSize);
  }
  const wanted = Uint8Array.from(memory);
  const workerData = { buffer: memory.buffer, start: memory.byteOffset, length: memory.length, pageSize };
  const writer = new Worker(WRITING_THREAD, { eval: true, workerData });
  try {
    await new Promise((resolve, reject) => {
      writer.once('message', resolve);
      writer.once('error', reject);
    });
    await withChannel(context, async (channel) => {
      for (const stop = performance.now() + RACE; performance.now() < stop; ) {
        await passWhileWritten(channel, memory, wanted);
      }
    });
  } finally {
    await writer.terminate();
  }
}

async function passWhileWritten(channel: TestChannel, memory: Uint8Array, wanted: Uint8Array): Promise<void> {
  const { pageSize } = channel;
  const sent = await channel.prepare(memory, neighbours(COUNT, pageSize));
  const block = new TestBlock(sent.offsets, pageSize);
  await channel.receive(bytesOf(sent), sent.offsets, block);
  sent.prepared.release?.();
  block.assertOnlyWritten(sent.offsets);
  for (let page = 1; page < COUNT; page += 2) {
    const still = wanted.subarray(page * pageSize, (page + 1) * pageSize);
    const got = block.page(page * pageSize);
    assert.equal(Buffer.compare(got, still), 0, `page ${page}, which nobody writes to, came out wrong`);
  }
}
