import { type CodecCase, type CodecContext, defineCase } from '../case.js';
import { withChannel } from '../channel.js';
import { filledPages, mixed, neighbours } from '../memory.js';

/** Pages of the cases here. */
const COUNT = 24;

const PLACES: Readonly<Record<string, (pageSize: number) => number[]>> = {
  'with gaps': (pageSize) => neighbours(COUNT, pageSize).map((offset) => 3 * offset + pageSize),
  'from the last to the first': (pageSize) => neighbours(COUNT, pageSize).reverse(),
  'some of them neighbours': (pageSize) =>
    neighbours(COUNT, pageSize).map((offset, page) => offset + Math.floor(page / 5) * 7 * pageSize),
  'in no order': (pageSize) =>
    neighbours(COUNT, pageSize).map((_, page) => ((page * 7) % COUNT) * 2 * pageSize),
  'across 4 GiB': (pageSize) =>
    neighbours(COUNT, pageSize).map((offset) => 2 ** 32 - (COUNT / 2) * pageSize + offset),
  'beyond 1 TiB': (pageSize) => neighbours(COUNT, pageSize).map((offset) => 2 ** 40 + offset),
};

export const placeCases: readonly CodecCase[] = [
  ...Object.entries(PLACES).map(([name, offsets]) =>
    defineCase(`pages ${name}`, (context) => passAt(context, offsets(context.pageSize), true), {
      random: true,
    }),
  ),
  defineCase(
    'into a block that is not memory, such as a file',
    async (context) => {
      for (const offsets of Object.values(PLACES)) await passAt(context, offsets(context.pageSize), false);
    },
    { random: true },
  ),
];

function passAt(context: CodecContext, offsets: readonly number[], inPlace: boolean): Promise<void> {
  const { pageSize, random } = context;
  return withChannel(context, (channel) =>
    channel.pass(filledPages(offsets.length, pageSize, mixed, random), offsets, inPlace),
  );
}
