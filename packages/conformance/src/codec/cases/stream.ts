import { type CodecCase, defineCase } from '../case.js';
import { bytesOf, TestChannel, withChannel } from '../channel.js';
import { FILLS, type Fill, filledPages, mixed, neighbours } from '../memory.js';

/** Packets of a channel here: enough to fill what a sender may remember. */
const PACKETS = 40;

export const streamCases: readonly CodecCase[] = [
  ...Object.entries({ mixed, ...FILLS }).map(([name, fill]) =>
    defineCase(
      `${PACKETS} packets of one channel: ${name}`,
      (context) =>
        withChannel(context, async (channel) => {
          const { pageSize, random } = context;
          for (let packet = 0; packet < PACKETS; packet++) {
            const count = 1 + random(packet % 8 === 0 ? 128 : 16);
            await channel.pass(filledPages(count, pageSize, fill, random), neighbours(count, pageSize));
          }
        }),
      { random: true },
    ),
  ),

  defineCase('the same pages are dirtied and sent again', (context) =>
    withChannel(context, async (channel) => {
      const { pageSize, random } = context;
      const text: Fill = (page, index) => FILLS.text?.(page, index, random);
      const memory = filledPages(32, pageSize, text, random);
      for (let round = 0; round < 20; round++) {
        memory[(round * 1009) % memory.length] = round;
        await channel.pass(memory, neighbours(32, pageSize));
      }
    }),
  ),

  defineCase(
    'channels in one thread do not mix',
    async (context) => {
      const { pageSize, random } = context;
      const channels = await Promise.all([0, 1, 2].map((each) => TestChannel.open(context, each)));
      for (let round = 0; round < 8; round++) {
        // All send the same pages, and the first is the last: who takes one channel's past for another's is caught.
        const pages = filledPages(16, pageSize, round % 2 === 0 ? (FILLS.text ?? mixed) : mixed, random);
        pages.copyWithin(15 * pageSize, 0, pageSize);
        const sent = await Promise.all(
          channels.map(async (channel) => {
            const memory = new Uint8Array(new SharedArrayBuffer(pages.length));
            memory.set(pages);
            const wanted = Uint8Array.from(memory);
            return { channel, wanted, sent: await channel.prepare(memory, neighbours(16, pageSize)) };
          }),
        );
        await Promise.all(
          sent.map((each) => each.channel.arrive(each.sent, bytesOf(each.sent), each.wanted)),
        );
        for (const each of sent) each.sent.prepared.release?.();
      }
      await Promise.all(channels.map((channel) => channel.close()));
    },
    { random: true },
  ),
];
