import { setTimeout as delay } from 'node:timers/promises';
import type { Incoming, ReceiveOptions } from '@multifd/core';
import { describe, expect, it } from 'vitest';
import { chooseGroup } from '../../src/engine/destination/group.js';
import { type Destination, destination } from '../support/ends.js';
import { expectFailure, expectValue, inTime, outcomeOf } from '../support/outcome.js';
import { firstPage, MIB } from '../support/ram.js';
import { raw } from '../support/raw-source.js';

const BLOCK = { name: 'pc.ram', length: MIB };
const main = {
  start: Buffer.concat([raw.header(), raw.returnPath(), raw.start([BLOCK])]),
  noReturnPath: Buffer.concat([raw.header(), raw.start([BLOCK])]),
  end: Buffer.concat([raw.part('end'), raw.end()]),
};
/**
 * All that a channel of `channels` says of a guest whose first page is full of `fill`. Each has three packets.
 * `number`: of its first packet.
 */
const channelOf = (channel: number, fill: number, channels = 1, number = channel): Buffer =>
  Buffer.concat([
    raw.init(channel),
    raw.sync(number),
    raw.packet({ block: 'pc.ram', normal: [0], fill, number: channels + channel }),
    raw.sync(2 * channels + channel),
  ]);

const listen = (channels = 1, options: Partial<ReceiveOptions> = {}): Promise<Destination> =>
  destination({ ...options, parameters: { multifdChannels: channels, ...options.parameters } });

async function expectGuest(incoming: Incoming, fill: number): Promise<void> {
  const { ram } = expectValue(await outcomeOf(incoming.result, 'receive'));
  expect(firstPage(ram)[0]).toBe(fill);
}

describe('a channel that is left of another source, with all that it had to say', () => {
  it.each(['has not connected', 'has not said a word'])(
    'is not joined to a source whose own channel %s for 3 s',
    async (what) => {
      const { incoming, source } = await listen();
      await source.open(channelOf(0, 9));
      await source.open(main.start, main.end);
      const silent = what === 'has not said a word' ? await source.open() : undefined;
      await delay(3_000);
      (silent ?? (await source.open())).write(channelOf(0, 5));
      await expectGuest(incoming, 5);
    },
  );

  it("ends the migration when the source's own comes after all: the source keeps its guest", async () => {
    // A second is waited for the source's own channel.
    const { incoming, source, active } = await listen(1, { parameters: { setupTimeout: 2_000 } });
    await source.open(channelOf(0, 9));
    const stream = await source.open(main.start);
    await active();
    await source.open(raw.init(0));
    stream.write(main.end);
    expectFailure(await outcomeOf(incoming.result, 'receive'), 'protocol', /channel 0 connected twice/);
  });

  it('ends it also when the other source connected it behind main', async () => {
    const { incoming, source, active } = await listen();
    const stream = await source.open(main.start);
    await source.open(channelOf(0, 9));
    await active();
    await source.open(channelOf(0, 5));
    stream.write(main.end);
    expectFailure(await outcomeOf(incoming.result, 'receive'), 'protocol', /channel 0 connected twice/);
  });

  it('is known by the number of its first packet where there is another', async () => {
    const { incoming, source } = await listen(2);
    await source.open(channelOf(1, 9, 2, 0));
    await source.open(main.start, main.end);
    await source.open(channelOf(0, 5, 2));
    // Longer than a channel is waited for.
    await delay(6_000);
    await source.open(channelOf(1, 5, 2));
    await expectGuest(incoming, 5);
  });

  it('does not bring a main that is left of another source to the channels of the next', async () => {
    const { incoming, source, active } = await listen();
    const left = await source.open(main.start, main.end.subarray(0, 20));
    const stream = await source.open(main.start.subarray(0, 30));
    await source.open(channelOf(0, 5));
    await active();
    stream.write(main.start.subarray(30));
    await inTime(
      incoming.result.catch(() => {}),
      'the end',
      30_000,
    );
    left.write(main.end.subarray(20));
    expectFailure(await outcomeOf(incoming.result, 'receive'), 'protocol', /main stream connected twice/);
  });
});

describe('a source whose network is slow gets in', () => {
  it.each([
    ['with a return path', main.start],
    ['without one, having closed main', main.noReturnPath],
  ])('its channels come 3 s behind main, %s', async (how, start) => {
    const { incoming, source } = await listen(2);
    const stream = await source.open(start, raw.part('part'), main.end);
    if (how !== 'with a return path') stream.end();
    await delay(3_000);
    for (const channel of [0, 1]) await source.open(channelOf(channel, 5, 2), raw.sync(6 + channel));
    await expectGuest(incoming, 5);
  });

  it('main comes 3 s behind its channels', async () => {
    const { incoming, source } = await listen(2);
    for (const channel of [0, 1]) await source.open(channelOf(channel, 5, 2));
    await delay(3_000);
    await source.open(main.start, main.end);
    await expectGuest(incoming, 5);
  });
});

it.each(['before its channels', 'behind its channels'])(
  'a second source, whose main speaks %s, does not end the migration in progress',
  async (when) => {
    const { incoming, source, active, refused } = await listen();
    const stream = await source.open(main.start);
    await source.open(channelOf(0, 5));
    await active();
    const second = await source.open();
    if (when === 'before its channels') second.write(main.start);
    await source.open(channelOf(0, 9));
    if (when === 'behind its channels') {
      await delay(300);
      second.write(main.start);
    }
    await refused(/a second main stream/);
    await refused(/the migration has all its connections/);
    stream.write(main.end);
    await expectGuest(incoming, 5);
  },
);

describe('which claims belong together', () => {
  const of = (role: 'main' | 'channel', since: number, more: object = {}) => ({
    host: 'a',
    role,
    channel: 0,
    isSurplus: false,
    proven: true,
    sourceChannels: undefined,
    firstPacket: undefined,
    secondPacket: undefined,
    since,
    ...more,
  });

  it('a channel that came long before main is never its own', () => {
    const claims = [of('channel', 0), of('main', 10_001)];
    expect(chooseGroup(claims, 1)).toEqual({ type: 'incomplete' });
    const own = of('channel', 40_000);
    expect(chooseGroup([...claims, own], 1)).toMatchObject({
      group: { channels: [own], doubtful: new Set() },
    });
  });

  it('one that came a little before it, or from another host, may be', () => {
    const early = [of('channel', 0), of('main', 9_000)];
    expect(chooseGroup(early, 1)).toMatchObject({ type: 'complete', group: { doubtful: new Set([0]) } });
    const far = [of('main', 0), of('channel', 1, { host: 'b' })];
    expect(chooseGroup(far, 1)).toMatchObject({ type: 'complete', group: { doubtful: new Set([0]) } });
  });
});
