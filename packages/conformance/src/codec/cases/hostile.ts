import assert from 'node:assert/strict';
import { oneLine } from '../../one-line.js';
import { TestBlock } from '../block.js';
import { type CodecCase, type CodecContext, defineCase, type HostilePayload } from '../case.js';
import { bytesOf, TestChannel } from '../channel.js';
import { FILLS, type Fill, filledPages, mixed, neighbours } from '../memory.js';

const COUNT = 6;
const text: Fill = (page, index, random) => FILLS.text?.(page, index, random);
/** Pages of one byte each, which any codec makes short: there is room for what does not belong to it. */
const plain: Fill = (page, index) => page.fill(1 + index);

/** A packet's payload, as it was made. */
interface Packet {
  readonly bytes: Uint8Array;
  readonly offsets: readonly number[];
}

export const hostileCases: readonly CodecCase[] = [
  defineCase(
    'a payload that was cut is refused, wherever',
    async (context) => {
      const { bytes } = await packetOf(context, text);
      const places = new Set([0, 1, 2, 3, bytes.length - 1, bytes.length - 2, bytes.length - 4]);
      for (let draw = 0; draw < 40; draw++) places.add(context.random(bytes.length));
      for (const end of places) {
        if (end >= 0 && end < bytes.length) {
          await refuses(context, bytes.subarray(0, end), COUNT, `cut after ${end} of ${bytes.length} bytes`);
        }
      }
    },
    { random: true },
  ),

  defineCase('what is left over behind the pages is refused', async (context) => {
    for (const fill of [plain, text]) {
      const { bytes } = await packetOf(context, fill);
      for (const more of [Uint8Array.of(0), Uint8Array.of(0xff), new Uint8Array(200), bytes]) {
        const long = Buffer.concat([bytes, more]);
        await refuses(context, long, COUNT, `${more.length} bytes more, the first ${more[0]}`);
      }
    }
  }),

  defineCase('a payload of fewer or more pages than its packet names is refused', async (context) => {
    for (const fill of [plain, text, mixed]) {
      const { bytes } = await packetOf(context, fill);
      for (const count of [1, COUNT - 1, COUNT + 1, 128]) {
        await refuses(context, bytes, count, `${COUNT} pages in a packet of ${count}`);
      }
    }
  }),

  defineCase(
    'changed bits do no harm beyond the pages, and are never waited for',
    async (context) => {
      const { bytes } = await packetOf(context, mixed);
      for (let draw = 0; draw < 150; draw++) {
        const changed = Uint8Array.from(bytes);
        for (let flips = 1 + context.random(3); flips > 0; flips--) {
          const at = context.random(draw % 3 === 0 ? Math.min(64, changed.length) : changed.length);
          changed[at] = (changed[at] ?? 0) ^ (1 << context.random(8));
        }
        await survives(context, changed, COUNT);
      }
    },
    { random: true },
  ),

  defineCase(
    'noise does no harm beyond the pages, and is never waited for',
    async (context) => {
      for (let draw = 0; draw < 150; draw++) {
        const noise = Uint8Array.from({ length: context.random(draw % 2 === 0 ? 40 : 3000) }, () =>
          context.random(256),
        );
        await survives(context, noise, 1 + context.random(COUNT));
      }
    },
    { random: true },
  ),

  defineCase('after a refused payload other channels go on', async (context) => {
    const { pageSize, random } = context;
    const other = await TestChannel.open(context, 1);
    const pass = () => other.pass(filledPages(COUNT, pageSize, mixed, random), neighbours(COUNT, pageSize));
    await pass();
    const { bytes } = await packetOf(context, text);
    await refuses(context, bytes.subarray(0, bytes.length >>> 1), COUNT, 'half a payload');
    await pass();
    await other.close();
  }),
];

/** Cases for what the author of a codec knows to be dangerous to it. */
export function hostilePayloadCases(payloads: readonly HostilePayload[]): CodecCase[] {
  return payloads.map(({ name, count, payload }) =>
    defineCase(`is refused: ${name}`, (context) => refuses(context, payload(), count, name)),
  );
}

async function packetOf(context: CodecContext, fill: Fill): Promise<Packet> {
  const { pageSize, random } = context;
  const channel = await TestChannel.open(context);
  const offsets = neighbours(COUNT, pageSize);
  const sent = await channel.prepare(filledPages(COUNT, pageSize, fill, random), offsets);
  const bytes = bytesOf(sent);
  sent.prepared.release?.();
  await channel.close();
  return { bytes, offsets };
}

/** A fresh channel gets the payload. The error that it was refused with, or none. Nothing else was written to. */
async function offer(context: CodecContext, bytes: Uint8Array, count: number): Promise<unknown> {
  const channel = await TestChannel.open(context);
  const offsets = neighbours(count, context.pageSize).map((offset) => 2 * offset);
  const block = new TestBlock(
    offsets.flatMap((offset) => [offset, offset + context.pageSize]),
    context.pageSize,
  );
  try {
    // Core refuses more before the codec sees it.
    if (bytes.length > channel.maxPayload(count)) return new Error('payload size');
    await channel.receive(bytes, offsets, block);
    return undefined;
  } catch (error) {
    if (error instanceof assert.AssertionError) throw error;
    return error;
  } finally {
    block.assertOnlyWritten(offsets);
    await channel.close();
  }
}

async function refuses(context: CodecContext, bytes: Uint8Array, count: number, what: string): Promise<void> {
  const error = await offer(context, bytes, count);
  assert.ok(error instanceof Error, `not refused: ${what}`);
  oneLine(`the error for ${what}`, error.message);
}

async function survives(context: CodecContext, bytes: Uint8Array, count: number): Promise<void> {
  const error = await offer(context, bytes, count);
  if (error instanceof Error) oneLine('the error', error.message);
  else assert.equal(error, undefined, 'something else than an Error was thrown');
}
