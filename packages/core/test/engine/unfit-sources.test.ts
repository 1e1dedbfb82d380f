import { once } from 'node:events';
import { describe, expect, it } from 'vitest';
import { expectValue, outcomeOf } from '../support/outcome.js';
import { firstPage } from '../support/ram.js';
import { raw } from '../support/raw-source.js';
import { BLOCK, completes, listen, main, sendGuest } from '../support/small-guest.js';

const channelOf = (channel: number): Uint8Array => Buffer.concat([raw.init(channel), raw.sync(channel)]);
/** A source with three channels: what it says as it connects, and when all of them have connected. */
const three = [0, 1, 2].map((channel) => ({
  first: raw.init(channel),
  later: Buffer.concat([raw.sync(channel), raw.sync(3 + channel)]),
}));
const wholeMain = { first: main.start, later: main.end };

describe('a source that does not fit is refused, and the right one gets in', () => {
  it.each([
    [
      'as QEMU has it by default',
      raw.nothing,
      /uuid.*give both ends the same VM uuid.*the source did not wait for an answer/,
    ],
    ['with a return path', raw.returnPath(), /uuid.*give both ends the same VM uuid[^;]*$/],
  ])(
    'a source whose channels have another uuid is refused at once, main and all, %s',
    async (_what, request, says) => {
      const uuid = new Uint8Array(16).fill(7);
      // Nothing but what the source has said can end the wait for it.
      const patient = { setupTimeout: 600_000, stallTimeout: 600_000, idleTimeout: 600_000 };
      const { incoming, source, refused, refusals } = await listen(2, { uuid, parameters: patient });
      const stream = await source.open(raw.header(), request, raw.start([BLOCK]));
      const closed = once(stream, 'close');
      await source.open(raw.init(0));
      await source.open(raw.init(1));
      await refused(/^the source has another guest: channel [01]: init packet uuid/);
      await closed;
      expect(refusals().at(-1)).toMatch(says);
      // Tried again at once: main is refused again.
      const again = await source.open(raw.header(), request, raw.start([BLOCK]));
      const gone = once(again, 'close');
      await source.open(raw.init(0));
      await source.open(raw.init(1));
      await gone;
      await sendGuest(source, 2, uuid);
      await completes(incoming);
    },
  );

  it('a channel of another guest from the host of a source that has its own: the source goes on', async () => {
    const uuid = new Uint8Array(16).fill(7);
    const { incoming, source, refused } = await listen(2, { uuid });
    const stream = await source.open(main.start);
    await source.open(raw.init(0, uuid), raw.sync(), raw.sync());
    await source.open(raw.init(0));
    await refused(/channel 0: .*uuid/);
    await source.open(raw.init(1, uuid), raw.sync(), raw.sync());
    stream.write(main.end);
    await completes(incoming);
  });

  it('a channel that is left of another source does not take the place of one that has only begun', async () => {
    const { incoming, source } = await listen(1);
    await source.open(raw.init(0), raw.sync(), raw.packet({ block: 'pc.ram', normal: [0], fill: 9 }));
    const stream = await source.open(main.start);
    const own = await source.open(raw.init(0));
    // Far longer than others get to say that they are another source's.
    await new Promise((resolve) => setTimeout(resolve, 2_500));
    own.write(Buffer.concat([raw.sync(), raw.packet({ block: 'pc.ram', normal: [0], fill: 5 }), raw.sync()]));
    stream.write(main.end);
    const { ram } = expectValue(await outcomeOf(incoming.result, 'receive'));
    expect(firstPage(ram).every((byte) => byte === 5)).toBe(true);
  });

  it.each(['before', 'after'] as const)(
    'a source with another uuid, tried again %s it is given up',
    async (when) => {
      const uuid = new Uint8Array(16).fill(7);
      const { incoming, source, refused } = await listen(2, { uuid });
      const wrong = [
        await source.open(main.start),
        await source.open(raw.init(0)),
        await source.open(raw.init(1)),
      ];
      if (when === 'after') await refused(/the source has another guest: channel [01]: .*uuid/);
      for (const socket of wrong) socket.end();
      await sendGuest(source, 2, uuid);
      await completes(incoming);
    },
  );

  it('two sources at once: neither is taken apart or mixed, and the next one gets in', async () => {
    const { incoming, source, refused } = await listen();
    await source.open(main.start);
    await source.open(main.start);
    // Their channels outlive them: they do not get into the way of the next one.
    for (const channel of [0, 0, 1, 1]) await source.open(raw.init(channel), raw.sync(), raw.sync());
    await refused(/the main stream connected twice: two sources at once/);
    await sendGuest(source);
    await completes(incoming);
  });

  it('a channel that comes twice and means it', async () => {
    const { incoming, source, refused } = await listen();
    await source.open(main.start);
    await source.open(raw.init(1), raw.sync());
    await source.open(raw.init(1), raw.sync());
    await refused(/channel 1 connected twice/);
    await sendGuest(source);
    await completes(incoming);
  });

  it.each([
    ['main first', [wholeMain, ...three]],
    ['main last', [...three, wholeMain]],
    ['the others do not come', [wholeMain, ...three.slice(2)]],
  ])('a source with a channel too many, %s: its pages must not be lost', async (_what, all) => {
    const { incoming, source, refused, refusals } = await listen(2);
    for (const { first } of all) await source.open(first);
    // As every source does: no packet before all channels are connected.
    for (const [index, { later }] of all.entries()) source.sockets[index]?.write(later);
    await refused(/^the source has (at least )?3 channels, expected 2 \(set multifd-channels/);
    // As every source does that is dropped.
    source.close();
    await sendGuest(source);
    await completes(incoming);
    expect(refusals().filter((reason) => reason.includes('expected 2'))).toHaveLength(1);
  });

  it('a source with a channel too few is told as soon as its packet numbers show it', async () => {
    const { incoming, source, refused } = await listen(3, { parameters: { setupTimeout: 600_000 } });
    await source.open(main.start);
    for (const channel of [1, 0]) await source.open(channelOf(channel));
    const [, own] = source.sockets;
    own?.write(raw.packet({ block: 'pc.ram', normal: [0], number: 2 }));
    await refused(/^the source has 2 channels, expected 3 \(set multifd-channels/);
    await sendGuest(source, 3);
    await completes(incoming);
  });

  it.each([
    ['pages', [raw.part('part', raw.pageRecord(0, 5, 'pc.ram'))]],
    ['zero pages', [raw.part('part', raw.zeroRecord(0, 'pc.ram')), main.end]],
  ] as const)('a source without multifd: %s on main', async (_what, bytes) => {
    const { incoming, source, refused } = await listen(2, { parameters: { setupTimeout: 600_000 } });
    await source.open(raw.header(), raw.start([BLOCK], raw.nothing), ...bytes);
    await refused(/the source sends its pages there and has no channel \(turn multifd on at the source/);
    await sendGuest(source);
    await completes(incoming);
  });
});
