import { type CodecCase, defineCase, type MethodSettings } from '../case.js';
import { withChannel } from '../channel.js';
import { filledPages, mixed, neighbours } from '../memory.js';

/** One case for each of the sender's settings; a receiver that has none must understand all of them. */
export function settingsCases(all: readonly MethodSettings[]): CodecCase[] {
  return all.map((settings) =>
    defineCase(
      `with ${JSON.stringify(settings)}`,
      (context) =>
        withChannel({ ...context, settings }, async (channel) => {
          const { pageSize, random } = context;
          for (const count of [1, 3, 128, 7]) {
            await channel.pass(filledPages(count, pageSize, mixed, random), neighbours(count, pageSize));
          }
        }),
      { random: true },
    ),
  );
}
