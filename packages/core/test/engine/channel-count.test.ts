import { describe, expect, it } from 'vitest';
import { type Claim, chooseGroup } from '../../src/engine/destination/group.js';

const main: Claim = claim('main', 0, undefined, undefined);

function claim(
  role: 'main' | 'channel',
  channel: number,
  firstPacket: number | undefined,
  secondPacket: number | undefined,
  isSurplus = false,
): Claim {
  const since = role === 'main' ? 0 : 1;
  const sourceChannels = undefined;
  return {
    host: 'a',
    role,
    channel,
    isSurplus,
    proven: true,
    sourceChannels,
    firstPacket,
    secondPacket,
    since,
  };
}

function permutations(of: readonly number[]): readonly (readonly number[])[] {
  if (of.length === 0) return [[]];
  return of.flatMap((first) =>
    permutations(of.filter((each) => each !== first)).map((rest) => [first, ...rest]),
  );
}

/**
 * All that can have come of a source with `count` channels: some of them, the SYNCs of the setup numbered in any order,
 * and behind them no, the next, or a later packet of each.
 */
function* arrivals(count: number, expected: number) {
  const all = Array.from({ length: count }, (_, channel) => channel);
  for (const firsts of permutations(all)) {
    for (const seconds of permutations(all)) {
      for (let came = 1; came < 2 ** count; came++) {
        for (let said = 0; said < 2 ** count; said++) {
          const channels = all.filter((channel) => came & (1 << channel));
          const claims = channels.map((channel) => {
            const second = said & (1 << channel) ? count + (seconds[channel] ?? 0) : undefined;
            return claim('channel', channel, firsts[channel], second, channel >= expected);
          });
          const hasNext = claims.some(({ secondPacket }) => secondPacket === count);
          yield { claims: [main, ...claims], isWhole: channels.length === count && hasNext };
        }
      }
    }
  }
}

const numbers = [1, 2, 3, 4].flatMap((count) => [1, 2, 3, 4, 5].map((expected) => ({ count, expected })));

describe('how many channels a source has', () => {
  it.each(numbers.filter(({ count, expected }) => count < expected))(
    '$count of $expected: known when all of them have come with the next number, and never before',
    ({ count, expected }) => {
      for (const { claims, isWhole } of arrivals(count, expected)) {
        const choice = chooseGroup(claims, expected);
        expect(choice.type).toBe(isWhole ? 'misfit' : 'incomplete');
        if (choice.type === 'misfit') expect(choice.count).toEqual({ atLeast: count, isExact: true });
      }
    },
  );

  it.each(numbers.filter(({ count, expected }) => count === expected))(
    '$count of $expected: never another number',
    ({ count, expected }) => {
      for (const { claims } of arrivals(count, expected)) {
        expect(chooseGroup(claims, expected).type).toBe(claims.length > count ? 'complete' : 'incomplete');
      }
    },
  );

  it.each(numbers.filter(({ count, expected }) => count > expected))(
    '$count of $expected: more, as soon as one of them has come, and how many when all have',
    ({ count, expected }) => {
      for (const { claims, isWhole } of arrivals(count, expected)) {
        const choice = chooseGroup(claims, expected);
        const highest = Math.max(...claims.map(({ channel }) => channel));
        expect(choice.type === 'misfit').toBe(highest >= expected);
        if (choice.type !== 'misfit') continue;
        expect(choice.count).toEqual({ atLeast: highest + 1, isExact: isWhole });
        expect([choice.main, ...choice.channels]).toEqual(claims);
      }
    },
  );

  it('a source that says how many it has: known from main alone', () => {
    const says = (sourceChannels: number): Claim => ({ ...main, sourceChannels });
    for (const count of [1, 3]) {
      const choice = chooseGroup([says(count)], 2);
      expect(choice).toMatchObject({
        type: 'misfit',
        channels: [],
        count: { atLeast: count, isExact: true },
      });
    }
    expect(chooseGroup([says(2)], 2)).toEqual({ type: 'incomplete' });
    // Of another source: it is no channel of one that says that it has two.
    const both = [claim('channel', 0, 0, undefined), claim('channel', 1, 1, undefined)];
    expect(chooseGroup([says(2), ...both], 2).type).toBe('complete');
  });

  it('a source that numbers no packets may have any', () => {
    const claims = [main, claim('channel', 0, 0, 0)];
    expect(chooseGroup(claims, 2)).toEqual({ type: 'incomplete' });
  });

  it('a channel that came before main does not count: it may be another source’s', () => {
    const early = { ...claim('channel', 0, 0, 1), since: -1 };
    expect(chooseGroup([main, early], 2)).toEqual({ type: 'incomplete' });
  });

  it('nor does a surplus one that came long before it', () => {
    const left = { ...claim('channel', 1, 1, 2, true), since: -10_001 };
    const own = claim('channel', 0, 0, 1);
    expect(chooseGroup([left, main, own], 1)).toMatchObject({ type: 'complete' });
    expect(chooseGroup([{ ...left, since: -9_999 }, main, own], 1)).toMatchObject({ type: 'misfit' });
  });
});
