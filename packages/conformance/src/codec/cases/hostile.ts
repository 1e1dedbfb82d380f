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

/** Good packets before the bad one: a receiver must be as careful when a stream has begun. */
const LEADS = [0, 2];

/** A packet's payload, as it was made. */
interface Packet {
  /** Payloads of the packets before it in its channel, of `COUNT` pages each. */
  readonly lead: readonly Uint8Array[];
  readonly bytes: Uint8Array;
}

/** What a channel gets. */
interface Offer {
  readonly lead: readonly Uint8Array[];
  readonly bytes: Uint8Array;
  /** Pages that its packet names. */
  readonly count: number;
}

export const hostileCases: readonly CodecCase[] = [
  defineCase(
    'a payload that was cut is refused, wherever',
    async (context) => {
      for (const packets of LEADS) {
        const { lead, bytes } = await packetOf(context, text, packets);
        const places = new Set([0, 1, 2, 3, bytes.length - 1, bytes.length - 2, bytes.length - 4]);
        for (let draw = 0; draw < 40; draw++) places.add(context.random(bytes.length));
        for (const end of places) {
          if (end < 0 || end >= bytes.length) continue;
          const what = `cut after ${end} of ${bytes.length} bytes${behind(packets)}`;
          await refuses(context, { lead, bytes: bytes.subarray(0, end), count: COUNT }, what);
        }
      }
    },
    { random: true },
  ),

  defineCase('what is left over behind the pages is refused', async (context) => {
    for (const packets of LEADS) {
      for (const fill of [plain, text]) {
        const { lead, bytes } = await packetOf(context, fill, packets);
        for (const more of [Uint8Array.of(0), Uint8Array.of(0xff), new Uint8Array(200), bytes]) {
          const long = { lead, bytes: Buffer.concat([bytes, more]), count: COUNT };
          await refuses(context, long, `${more.length} bytes more, the first ${more[0]}${behind(packets)}`);
        }
      }
    }
  }),

  defineCase('a payload of fewer or more pages than its packet names is refused', async (context) => {
    for (const packets of LEADS) {
      for (const fill of [plain, text, mixed]) {
        const { lead, bytes } = await packetOf(context, fill, packets);
        for (const count of [1, COUNT - 1, COUNT + 1, 128]) {
          const what = `${COUNT} pages in a packet of ${count}${behind(packets)}`;
          await refuses(context, { lead, bytes, count }, what);
        }
      }
    }
  }),

  defineCase(
    'changed bits do no harm beyond the pages, and are never waited for',
    async (context) => {
      const packets = await Promise.all(LEADS.map((count) => packetOf(context, mixed, count)));
      for (let draw = 0; draw < 150; draw++) {
        const { lead, bytes } = packets[context.random(packets.length)] ?? {
          lead: [],
          bytes: new Uint8Array(0),
        };
        const changed = Uint8Array.from(bytes);
        for (let flips = 1 + context.random(3); flips > 0; flips--) {
          const at = context.random(draw % 3 === 0 ? Math.min(64, changed.length) : changed.length);
          changed[at] = (changed[at] ?? 0) ^ (1 << context.random(8));
        }
        await survives(context, { lead, bytes: changed, count: COUNT });
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
        await survives(context, { lead: [], bytes: noise, count: 1 + context.random(COUNT) });
      }
    },
    { random: true },
  ),

  defineCase('after a refused payload other channels go on', async (context) => {
    const { pageSize, random } = context;
    const other = await TestChannel.open(context, 1);
    const pass = () => other.pass(filledPages(COUNT, pageSize, mixed, random), neighbours(COUNT, pageSize));
    await pass();
    const { bytes } = await packetOf(context, text, 0);
    const half = bytes.subarray(0, bytes.length >>> 1);
    await refuses(context, { lead: [], bytes: half, count: COUNT }, 'half a payload');
    await pass();
    await other.close();
  }),
];

/** Cases for what the author of a codec knows to be dangerous to it. */
export function hostilePayloadCases(payloads: readonly HostilePayload[]): CodecCase[] {
  return payloads.map(({ name, count, payload }) =>
    defineCase(`is refused: ${name}`, (context) =>
      refuses(context, { lead: [], bytes: payload(), count }, name),
    ),
  );
}

/** @param packets how many packets come before it in its channel. */
async function packetOf(context: CodecContext, fill: Fill, packets: number): Promise<Packet> {
  const { pageSize, random } = context;
  const channel = await TestChannel.open(context);
  const next = async (): Promise<Uint8Array> => {
    const memory = filledPages(COUNT, pageSize, fill, random);
    const sent = await channel.prepare(memory, neighbours(COUNT, pageSize));
    const bytes = bytesOf(sent);
    sent.prepared.release?.();
    return bytes;
  };
  const lead: Uint8Array[] = [];
  while (lead.length < packets) lead.push(await next());
  const bytes = await next();
  await channel.close();
  return { lead, bytes };
}

function behind(packets: number): string {
  return packets === 0 ? '' : `, behind ${packets} good packets`;
}

/** A fresh channel gets the payload. The error that it was refused with, or none. Nothing else was written to. */
async function offer(context: CodecContext, { lead, bytes, count }: Offer): Promise<unknown> {
  const { pageSize } = context;
  const channel = await TestChannel.open(context);
  for (const good of lead) {
    const offsets = neighbours(COUNT, pageSize);
    await channel.receive(good, offsets, new TestBlock(offsets, pageSize));
  }
  const offsets = neighbours(count, pageSize).map((offset) => 2 * offset);
  const block = new TestBlock(
    offsets.flatMap((offset) => [offset, offset + pageSize]),
    pageSize,
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

async function refuses(context: CodecContext, offered: Offer, what: string): Promise<void> {
  const error = await offer(context, offered);
  assert.ok(error instanceof Error, `not refused: ${what}`);
  oneLine(`the error for ${what}`, error.message);
}

async function survives(context: CodecContext, offered: Offer): Promise<void> {
  const error = await offer(context, offered);
  if (error instanceof Error) oneLine('the error', error.message);
  else assert.equal(error, undefined, 'something else than an Error was thrown');
}
