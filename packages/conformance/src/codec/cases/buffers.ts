import assert from 'node:assert/strict';
import { type CodecCase, type CodecContext, defineCase } from '../case.js';
import { bytesOf, type Sent, type TestChannel, withChannel } from '../channel.js';
import { filledPages, mixed, neighbours } from '../memory.js';

/** As many packets as may wait for a slow connection. */
const WAITING = 60;
const COUNT = 32;

interface Waiting {
  readonly sent: Sent;
  /** The payload's bytes when it was made. */
  readonly bytes: Uint8Array;
  readonly wanted: Uint8Array;
}

export const bufferCases: readonly CodecCase[] = [
  defineCase(
    'a payload stays as it is until it is released',
    (context) =>
      withChannel(context, async (channel) => {
        for (let round = 0; round < 3; round++) {
          const waiting = await prepareMany(context, channel, WAITING);
          for (const { sent, bytes, wanted } of waiting) {
            assert.equal(Buffer.compare(bytesOf(sent), bytes), 0, 'a payload that waits was written to');
            await channel.arrive(sent, bytes, wanted);
            sent.prepared.release?.();
          }
        }
      }),
    { random: true },
  ),

  defineCase(
    'payloads are released long after they were made, a few at a time',
    (context) =>
      withChannel(context, async (channel) => {
        const waiting = await prepareMany(context, channel, 8);
        for (let packet = 0; packet < 60; packet++) {
          const [oldest] = waiting.splice(0, 1);
          if (oldest === undefined) break;
          assert.equal(Buffer.compare(bytesOf(oldest.sent), oldest.bytes), 0, 'a payload was written to');
          await channel.arrive(oldest.sent, oldest.bytes, oldest.wanted);
          oldest.sent.prepared.release?.();
          waiting.push(...(await prepareMany(context, channel, 1)));
        }
      }),
    { random: true },
  ),

  defineCase(
    'a guest that writes after a packet was made does not spoil it',
    (context) =>
      withChannel(context, async (channel) => {
        const { pageSize, random } = context;
        for (let round = 0; round < 8; round++) {
          const memory = filledPages(COUNT, pageSize, mixed, random);
          const wanted = Uint8Array.from(memory);
          const sent = await channel.prepare(memory, neighbours(COUNT, pageSize));
          // The odd pages are written to: they may arrive either way, and the others as they are.
          for (let page = 1; page < COUNT; page += 2) {
            memory.fill(random(256), page * pageSize, (page + 1) * pageSize);
          }
          const bytes = bytesOf(sent);
          for (let page = 1; page < COUNT; page += 2) {
            const [start, end] = [page * pageSize, (page + 1) * pageSize];
            if (aliases(sent, memory)) wanted.set(memory.subarray(start, end), start);
          }
          await channel.arrive(sent, bytes, wanted);
          sent.prepared.release?.();
        }
      }),
    { random: true },
  ),
];

async function prepareMany(context: CodecContext, channel: TestChannel, packets: number): Promise<Waiting[]> {
  const { pageSize, random } = context;
  const waiting: Waiting[] = [];
  for (let packet = 0; packet < packets; packet++) {
    const memory = filledPages(COUNT, pageSize, mixed, random);
    const wanted = Uint8Array.from(memory);
    const sent = await channel.prepare(memory, neighbours(COUNT, pageSize));
    // This guest's memory is used for something else at once.
    if (!aliases(sent, memory)) memory.fill(0x5a);
    waiting.push({ sent, bytes: bytesOf(sent), wanted });
  }
  return waiting;
}

/** Whether the payload is guest memory itself, which a codec may send by reference. */
function aliases({ prepared }: Sent, memory: Uint8Array): boolean {
  return prepared.vectors.some((vector) => vector.buffer === memory.buffer);
}
