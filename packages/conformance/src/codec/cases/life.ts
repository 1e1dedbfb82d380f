import { type CodecCase, type CodecContext, defineCase } from '../case.js';
import { TestChannel } from '../channel.js';
import { filledPages, mixed, neighbours } from '../memory.js';

export const lifeCases: readonly CodecCase[] = [
  defineCase('a channel that sent nothing is closed', async (context) => {
    await (await TestChannel.open(context)).close();
  }),

  defineCase('a channel is closed while payloads wait, which are released afterwards', async (context) => {
    const { pageSize, random } = context;
    const channel = await TestChannel.open(context);
    const memory = filledPages(16, pageSize, mixed, random);
    const waiting = [];
    for (let packet = 0; packet < 8; packet++) {
      waiting.push(await channel.prepare(memory, neighbours(16, pageSize)));
    }
    await channel.close();
    for (const { prepared } of waiting) prepared.release?.();
  }),

  defineCase('closing one channel leaves the others alone', async (context) => {
    const [first, second] = [await TestChannel.open(context, 0), await TestChannel.open(context, 1)];
    await passOne(context, first);
    await passOne(context, second);
    await first.close();
    await passOne(context, second);
    await second.close();
  }),

  defineCase('thirty channels, one after the other', async (context) => {
    for (let round = 0; round < 30; round++) {
      const channel = await TestChannel.open(context, round);
      await passOne(context, channel);
      await channel.close();
    }
  }),
];

async function passOne({ pageSize, random }: CodecContext, channel: TestChannel): Promise<void> {
  await channel.pass(filledPages(8, pageSize, mixed, random), neighbours(8, pageSize));
}
