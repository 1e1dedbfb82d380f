import { setTimeout as delay } from 'node:timers/promises';
import { testSeed } from '@multifd/testing/random';
import { describe, expect, it } from 'vitest';
import { destination } from '../support/ends.js';
import { expectFailure, expectValue, outcomeOf } from '../support/outcome.js';
import { tryToMove } from '../support/pair.js';
import { createGuestRam, firstPage, MIB } from '../support/ram.js';
import { raw } from '../support/raw-source.js';

const BLOCK = { name: 'pc.ram', length: MIB };
const start = Buffer.concat([raw.header(), raw.returnPath(), raw.start([BLOCK])]);
const end = Buffer.concat([raw.part('end'), raw.end()]);
const TOO_FEW = /^the source has 2 channels, expected 3 \(set multifd-channels/;
/** So that the time limit of setup is no part of it. */
const patient = { multifdChannels: 3, setupTimeout: 600_000 };

/** A channel with a page for this guest and its SYNCs, which it begins with packet `channel`. */
const rest = (channel: number) => [
  raw.packet({ block: 'pc.ram', normal: channel === 0 ? [0] : [], fill: 7, number: 3 + channel }),
  raw.sync(6 + channel),
];

describe('a source that waits for an answer behind the setup sync, as a multifd with wire qemu', () => {
  it.each([
    [1, 3],
    [4, 3],
  ])(
    'has %i of %i channels: both ends say what may be wrong, long before the time limit',
    async (own, there) => {
      const reasons: string[] = [];
      const { sent, received } = await tryToMove({
        guest: { ram: createGuestRam({ seed: testSeed(), blocks: [{ name: 'pc.ram', length: 4 * MIB }] }) },
        parameters: { setupTimeout: 600_000 },
        source: { parameters: { multifdChannels: own, wire: 'qemu' } },
        destination: {
          parameters: { multifdChannels: there },
          onEvent: (event) => void (event.type === 'refused' && reasons.push(event.reason)),
        },
        waitsOn: true,
      });
      const { hint } = expectFailure(sent, 'peer-closed');
      expect(hint).toMatch(
        /^see a QEMU's stderr, or a multifd's own message \(given here too, without wire qemu\).*multifd-channels/,
      );
      expectFailure(received, 'cancelled');
      expect(reasons).toHaveLength(1);
      expect(reasons[0]).toMatch(
        /^the source has (at least )?[14] channels?, expected 3 \(set multifd-channels/,
      );
    },
  );

  it('has fewer than this end: told when no more can be held up, and the next source is taken', async () => {
    const { incoming, source, refused, refusals } = await destination({ parameters: patient });
    await source.open(start);
    for (const channel of [1, 0]) await source.open(raw.init(channel), raw.sync(channel));
    await refused(TOO_FEW);
    source.close();
    await source.open(start, end);
    for (const channel of [0, 1, 2])
      await source.open(raw.init(channel), raw.sync(channel), ...rest(channel));
    const { ram } = expectValue(await outcomeOf(incoming.result, 'receive'));
    expect(firstPage(ram)).toEqual(new Uint8Array(4096).fill(7));
    expect(refusals()).toHaveLength(1);
  });

  it.each([
    ['has connected, and said nothing', 2, [1, 0], [0, 1]],
    ['has a number between those that came', 1, [2, 0], [0, 2]],
    ['has sent a packet before one that came', 2, [1, 0], [0, 2]],
  ])('is not taken for one with fewer if another channel %s', async (what, late, channels, numbers) => {
    const { incoming, source, refusals } = await destination({ parameters: patient });
    const main = await source.open(start);
    for (const [at, channel] of channels.entries())
      await source.open(raw.init(channel), raw.sync(numbers[at]));
    const own = what === 'has connected, and said nothing' ? await source.open() : undefined;
    // Longer than a channel is waited for.
    await delay(6_000);
    expect(refusals()).toEqual([]);
    const used = new Set(numbers);
    const number = [0, 1, 2].find((each) => !used.has(each));
    (own ?? (await source.open())).write(Buffer.concat([raw.init(late), raw.sync(number), ...rest(late)]));
    for (const [at, channel] of channels.entries())
      source.sockets[1 + at]?.write(Buffer.concat(rest(channel)));
    main.write(end);
    expectValue(await outcomeOf(incoming.result, 'receive'));
  });
});
