import { once } from 'node:events';
import { describe, expect, it } from 'vitest';
import { type Destination, destination, until } from '../support/ends.js';
import { expectValue, inTime, outcomeOf } from '../support/outcome.js';
import { firstPage, MIB } from '../support/ram.js';
import { raw } from '../support/raw-source.js';

const BLOCK = { name: 'pc.ram', length: MIB };
const start = Buffer.concat([raw.header(), raw.returnPath(), raw.start([BLOCK])]);
const end = Buffer.concat([raw.part('end'), raw.end()]);
const page = (number: number) => raw.packet({ block: 'pc.ram', normal: [0], fill: 7, number });

/** A destination that takes the machine type none only, and has just refused a source of another one. */
async function refusedOne(channels: number): Promise<Destination> {
  const to = await destination({ machineType: 'none', parameters: { multifdChannels: channels } });
  const main = await to.source.open(raw.header('pc-q35-10.0'), raw.returnPath());
  await to.refused(/machine type/);
  main.destroy();
  return to;
}

/** A whole source with one channel. */
async function migrate({ incoming, source }: Destination): Promise<void> {
  await source.open(start, end);
  await source.open(raw.init(0), raw.sync(0), page(1), raw.sync(2));
  const { ram } = expectValue(await outcomeOf(incoming.result, 'receive'));
  expect(firstPage(ram)).toEqual(new Uint8Array(4096).fill(7));
}

describe('what comes late of a source that was refused, and the next source', () => {
  it('a channel that stays: told in plain words', async () => {
    const to = await refusedOne(1);
    await to.source.open(raw.init(0), raw.sync(0));
    // Its place is claimed twice, and the younger one is main's.
    await migrate(to);
    expect(to.refusals()).toHaveLength(2);
    expect(to.refusals()[1]).toBe('channel 0 of a source that was refused before');
  });

  it('a channel that stays, and no next source: closed soon, or a QEMU would wait for it, without a word', async () => {
    const to = await refusedOne(1);
    const channel = await to.source.open(raw.init(0), raw.sync(0));
    // Its time limit is 30 s.
    await inTime(once(channel, 'close'), 'the channel', 15_000);
    expect(to.refusals()).toHaveLength(1);
    await migrate(to);
  });

  it('a channel that ends: no word', async () => {
    const to = await refusedOne(1);
    const channel = await to.source.open(raw.init(0), raw.sync(0));
    channel.destroy();
    await migrate(to);
    expect(to.refusals()).toHaveLength(1);
  });

  it('one with a number that this end has not: the next source has the right number all the same', async () => {
    const to = await refusedOne(1);
    await to.source.open(raw.init(2), raw.sync(2));
    await migrate(to);
    expect(to.refusals()).toHaveLength(1);
  });

  it('one that says its number only when the next source migrates', async () => {
    const to = await refusedOne(1);
    const late = await to.source.open();
    const main = await to.source.open(start);
    await to.source.open(raw.init(0), raw.sync(0), page(1), raw.sync(2));
    await to.active();
    late.write(Buffer.concat([raw.init(2), raw.sync(2)]));
    await to.refused(/^channel 2 of a source that was refused before$/);
    main.write(end);
    expectValue(await outcomeOf(to.incoming.result, 'receive'));
  });
});

it('a channel that ends behind the setup sync is no channel of the next source', async () => {
  const to = await destination({ parameters: { multifdChannels: 1 } });
  const channel = await to.source.open(raw.init(0), raw.sync(0));
  channel.destroy();
  await to.refused(/^closed after \d+ bytes$/);
  await migrate(to);
});

it('a source whose channel ends behind the setup sync is refused, though main stays', async () => {
  const to = await destination({ parameters: { multifdChannels: 2 } });
  const main = await to.source.open(start);
  const channel = await to.source.open(raw.init(0), raw.sync(0));
  channel.destroy();
  await to.source.open(raw.init(1), raw.sync(1));
  await until(() => to.refusals().length === 1, 'a refusal');
  expect(to.refusals()[0]).toMatch(/^the source closed a channel before it sent a page/);
  main.destroy();
  await to.source.open(start, end);
  await to.source.open(raw.init(0), raw.sync(0), page(2), raw.sync(4));
  await to.source.open(raw.init(1), raw.sync(1), page(3), raw.sync(5));
  expectValue(await outcomeOf(to.incoming.result, 'receive'));
});
