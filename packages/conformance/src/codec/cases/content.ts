import { type CodecCase, definePageCases, mostPages } from '../case.js';
import { withChannel } from '../channel.js';
import { FILLS, filledPages, mixed, neighbours } from '../memory.js';

export const contentCases: readonly CodecCase[] = [
  ...Object.entries(FILLS).flatMap(([name, fill]) =>
    definePageCases(
      `a full packet: ${name}`,
      (context) =>
        withChannel(context, async (channel) => {
          const { pageSize, random } = context;
          const count = mostPages(pageSize);
          await channel.pass(filledPages(count, pageSize, fill, random), neighbours(count, pageSize));
        }),
      { random: true },
    ),
  ),
  ...definePageCases(
    'packets of every number of pages, one after the other',
    (context) =>
      withChannel(context, async (channel) => {
        const { pageSize, random } = context;
        for (let count = 1; count <= mostPages(pageSize); count += count < 8 ? 1 : 7) {
          await channel.pass(filledPages(count, pageSize, mixed, random), neighbours(count, pageSize));
        }
      }),
    { random: true },
  ),
];
