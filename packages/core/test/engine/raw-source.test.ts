import { once } from 'node:events';
import { type Incoming, openRamBlockSync, type ReceiveOptions } from '@multifd/core';
import { describe, expect, it } from 'vitest';
import { type Destination, destination } from '../support/ends.js';
import { expectFailure, expectValue, inTime, outcomeOf } from '../support/outcome.js';
import { MIB, windowOf } from '../support/ram.js';
import { raw } from '../support/raw-source.js';

const BLOCK = { name: 'pc.ram', length: MIB };
const PAGE = 4096;
const LIMITS = { setupTimeout: 1500, stallTimeout: 1500, idleTimeout: 1500 };
/** For channels that are there before main: half of `setupTimeout` is waited for others. */
const EARLY = { parameters: { setupTimeout: 4000 } };

const listen = (channels: number, options: Partial<ReceiveOptions> = {}): Promise<Destination> =>
  destination({ ...options, parameters: { multifdChannels: channels, ...LIMITS, ...options.parameters } });

/** The first byte of each of the first pages, once the migration is over. */
async function pagesOf(incoming: Incoming, count = 8): Promise<number[]> {
  const { ram } = expectValue(await outcomeOf(incoming.result, 'receive'));
  const [descriptor] = ram.blocks;
  if (descriptor === undefined) throw new Error('no block');
  const block = openRamBlockSync(descriptor);
  return Array.from({ length: count }, (_, page) => {
    const bytes = windowOf(block, page * PAGE, PAGE);
    const [first = -1] = bytes;
    expect(bytes.every((byte) => byte === first)).toBe(true);
    return first;
  });
}

const page = (number: number): number => number * PAGE;
const main = {
  start: Buffer.concat([raw.header(), raw.start([BLOCK])]),
  end: Buffer.concat([raw.part('end'), raw.end()]),
};

describe('a source that is not ours', () => {
  const orders = [
    ['main', 0, 1],
    [0, 1, 'main'],
    [1, 'main', 0],
    [1, 0, 'main'],
  ] as const;
  it.each(orders)('connects in the order %s, %s, %s', async (...order) => {
    const { incoming, source } = await listen(2, EARLY);
    for (const which of order) {
      if (which === 'main') await source.open(main.start, main.end);
      else {
        const pages = raw.packet({
          ...{ block: 'pc.ram', normal: [page(which)], fill: which + 1 },
          number: 2 + which,
        });
        await source.open(raw.init(which), raw.sync(which), pages, raw.sync(4 + which));
      }
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    expect(await pagesOf(incoming, 3)).toEqual([1, 2, 0]);
  });

  it('lets SYNC ride on packets with pages, sends empty packets anywhere and surplus SYNCs at the end', async () => {
    const { incoming, source } = await listen(1, EARLY);
    const empty = raw.packet({});
    await source.open(
      raw.init(0),
      empty,
      raw.sync(),
      empty,
      empty,
      raw.packet({ block: 'pc.ram', normal: [page(1), page(3)], fill: 9 }),
      raw.packet({ block: 'pc.ram', normal: [page(2)], zero: [page(3)], fill: 7, sync: true }),
      empty,
      raw.sync(),
      empty,
      raw.sync(),
      empty,
    );
    await source.open(main.start, main.end);
    expect(await pagesOf(incoming, 5)).toEqual([0, 9, 7, 0, 0]);
  });

  it('keeps cuts: what comes behind a cut is applied after all that came before it', async () => {
    const { incoming, source } = await listen(2, EARLY);
    // Channel 0 runs ahead: its second epoch clears and fills what channel 1 sends late in the first.
    const ahead = await source.open(
      raw.init(0),
      raw.sync(0),
      raw.sync(2),
      raw.packet({ block: 'pc.ram', normal: [page(0)], zero: [page(1)], fill: 2, number: 5 }),
      raw.sync(6),
    );
    await source.open(main.start, raw.part('part', Buffer.concat([raw.flush])), raw.part('end'), raw.end());
    const late = await source.open(raw.init(1), raw.sync(1));
    await new Promise((resolve) => setTimeout(resolve, 300));
    late.write(raw.packet({ block: 'pc.ram', normal: [page(0), page(1)], fill: 1, number: 3 }));
    late.write(raw.sync(4));
    late.write(raw.sync(7));
    expect(await pagesOf(incoming, 2)).toEqual([2, 0]);
    expect(ahead.destroyed).toBeDefined();
  });

  it('sends pages and zero pages on main, across sections and epochs', async () => {
    const { incoming, source } = await listen(1);
    await source.open(
      raw.header(),
      raw.start([BLOCK]),
      raw.part(
        'part',
        Buffer.concat([
          raw.pageRecord(page(0), 5, 'pc.ram'),
          raw.pageRecord(page(1), 6),
          raw.zeroRecord(page(0)),
          raw.flush,
        ]),
      ),
      raw.part('end', Buffer.concat([raw.pageRecord(page(2), 8), raw.zeroRecord(page(3)), raw.flush])),
      raw.end(),
    );
    await source.open(
      raw.init(0),
      raw.sync(),
      raw.sync(),
      raw.packet({ block: 'pc.ram', normal: [page(4)], fill: 4 }),
      raw.sync(),
    );
    expect(await pagesOf(incoming, 5)).toEqual([0, 6, 8, 0, 4]);
  });

  it('syncs with each section, without flush records', async () => {
    const { incoming, source } = await listen(1);
    await source.open(
      raw.header(),
      raw.start([BLOCK], raw.nothing),
      raw.part('part', raw.nothing),
      raw.part('end', raw.nothing),
      raw.end(),
    );
    const one = raw.packet({ block: 'pc.ram', normal: [page(0)], fill: 1 });
    const two = raw.packet({ block: 'pc.ram', normal: [page(0)], fill: 2 });
    await source.open(raw.init(0), raw.sync(), one, raw.sync(), two, raw.sync());
    expect(await pagesOf(incoming, 1)).toEqual([2]);
  });

  it('closes every connection right behind its last byte', async () => {
    const { incoming, source } = await listen(1);
    const channel = await source.open(raw.init(0), raw.sync());
    channel.end(Buffer.concat([raw.packet({ block: 'pc.ram', normal: [page(0)], fill: 3 }), raw.sync()]));
    const stream = await source.open(main.start);
    stream.end(main.end);
    expect(await pagesOf(incoming, 1)).toEqual([3]);
  });

  it('main sends one byte at a time', async () => {
    const { incoming, source } = await listen(1);
    await source.open(raw.init(0), raw.sync(), raw.sync());
    const stream = await source.open();
    for (const byte of Buffer.concat([main.start, main.end])) {
      stream.write(Uint8Array.of(byte));
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(await pagesOf(incoming, 1)).toEqual([0]);
  });
});

describe('a source that does not fit is refused', () => {
  it('a second main stream is turned away, and the first goes on', async () => {
    const { incoming, source, active, refusals } = await listen(1);
    await source.open(raw.init(0), raw.sync(), raw.sync());
    const stream = await source.open(main.start);
    await active();
    const second = await source.open(main.start);
    await inTime(once(second, 'close'), 'turning the second away');
    stream.write(main.end);
    await pagesOf(incoming, 1);
    expect(refusals()).toEqual([expect.stringMatching(/^a second main stream;.*may have let go/)]);
  });

  it.each([
    { channels: [0], says: /^channel 1 of 2 did not connect within 1500 ms/, hint: /same number/ },
    { channels: [], says: /^channel 0, 1 of 2 did not connect/, hint: /turn multifd on/ },
  ])('only main and channels $channels', async ({ channels, says, hint }) => {
    const { incoming, source } = await listen(2);
    for (const channel of channels) await source.open(raw.init(channel), raw.sync());
    await source.open(main.start);
    const error = expectFailure(await outcomeOf(incoming.result, 'receive'), 'timeout', says);
    expect(error.hint).toMatch(hint);
  });

  it('a source that falls silent', async () => {
    const { incoming, source } = await listen(1);
    await source.open(raw.init(0), raw.sync());
    await source.open(main.start);
    expectFailure(
      await outcomeOf(incoming.result, 'receive'),
      'timeout',
      /no byte on any connection for 1500/,
    );
  });

  const bad = [
    { what: 'an unknown block', packet: raw.packet({ block: 'pc.rom', normal: [0] }), code: 'protocol' },
    {
      what: 'an offset past the block',
      packet: raw.packet({ block: 'pc.ram', zero: [MIB] }),
      code: 'protocol',
    },
    { what: 'an offset beyond 2^53', packet: hugeOffset(), code: 'protocol' },
    { what: 'half a page', packet: raw.packet({ block: 'pc.ram', normal: [2048] }), code: 'protocol' },
    { what: 'a bad magic', packet: new Uint8Array(1344).fill(0x22), code: 'protocol' },
    { what: 'another codec', packet: withFlags(0x02), code: 'incompatible' },
    { what: 'too many pages', packet: withCount(16, 129), code: 'protocol' },
    { what: 'a page count that overflows', packet: withCount(32, 0xffffffff), code: 'protocol' },
    { what: 'a payload of 4 GiB', packet: withCount(20, 0xffffffff), code: 'protocol' },
    { what: 'a payload too short', packet: withCount(20, 100), code: 'protocol' },
    { what: 'half a header and the end', packet: raw.sync().subarray(0, 700), code: 'peer-closed' },
    { what: 'half a page and the end', packet: onePage().subarray(0, 1344 + 2000), code: 'peer-closed' },
    { what: 'the end before its sync', packet: raw.nothing, code: 'peer-closed' },
  ] as const;
  it.each(bad)('a packet with $what', async ({ packet, code }) => {
    const { incoming, source } = await listen(1);
    await source.open(main.start, main.end);
    const channel = await source.open(raw.init(0), raw.sync());
    channel.end(packet);
    expectFailure(await outcomeOf(incoming.result, 'receive'), code, /channel 0/);
  });

  const badMain = [
    { what: 'a block list of 2^50 bytes', bytes: raw.start([{ name: 'a', length: 2 ** 50 }]) },
    {
      what: 'a flush in another mode',
      bytes: Buffer.concat([raw.start([BLOCK], raw.nothing), raw.part('part')]),
    },
    { what: 'a zero page past the block', bytes: startThen(raw.zeroRecord(MIB, 'pc.ram')) },
    { what: 'an unknown block', bytes: startThen(raw.zeroRecord(0, 'nope')) },
  ];
  it.each(badMain)('main with $what', async ({ bytes }) => {
    const { incoming, source } = await listen(1);
    await source.open(raw.init(0), raw.sync(), raw.sync());
    await source.open(raw.header(), bytes);
    expectFailure(await outcomeOf(incoming.result, 'receive'), ['protocol', 'io', 'incompatible', 'usage']);
  });
});

function startThen(body: Uint8Array): Uint8Array {
  return Buffer.concat([raw.start([BLOCK]), raw.part('part', body)]);
}

function onePage(): Uint8Array {
  return raw.packet({ block: 'pc.ram', normal: [0], fill: 1 });
}

function withCount(at: number, value: number): Uint8Array {
  const bytes = Uint8Array.from(onePage());
  new DataView(bytes.buffer).setUint32(at, value);
  return bytes;
}

function withFlags(flags: number): Uint8Array {
  return withCount(8, flags);
}

function hugeOffset(): Uint8Array {
  const bytes = Uint8Array.from(onePage());
  new DataView(bytes.buffer).setBigUint64(320, 2n ** 63n);
  return bytes;
}

describe('strangers on the port', () => {
  it('HTTP, silence, an immediate close and garbage, before, between and after: the migration completes', async () => {
    const { incoming, source, refusals } = await listen(2, EARLY);
    const strangers = async (): Promise<void> => {
      await source.open(Buffer.from('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n'));
      await source.open();
      (await source.open()).destroy();
      (await source.open(Uint8Array.of(0x51))).end();
      (await source.open(Uint8Array.of(0x11, 0x22, 0x33, 0x44, 0))).end();
    };
    await strangers();
    // Longer than the setup limit: a stranger does not start the clock.
    await new Promise((resolve) => setTimeout(resolve, EARLY.parameters.setupTimeout + 500));
    await source.open(raw.init(1), raw.sync(1));
    await strangers();
    const stream = await source.open(main.start);
    const channel = await source.open(raw.init(0), raw.sync());
    await strangers();
    await new Promise((resolve) => setTimeout(resolve, 300));
    channel.write(raw.packet({ block: 'pc.ram', normal: [page(1)], fill: 1, number: 2 }));
    channel.write(raw.sync(3));
    source.sockets[5]?.write(raw.sync(4));
    stream.write(main.end);
    expect(await pagesOf(incoming, 3)).toEqual([0, 1, 0]);
    const reasons = refusals();
    expect(reasons).toContain('closed after 1 bytes');
    expect(reasons).toContain('not a migration stream, but an HTTP request: "GET / HTTP/1.1"');
    expect(reasons).toContain('closed without a byte');
    expect(reasons.length).toBeGreaterThanOrEqual(9);
  });
});
