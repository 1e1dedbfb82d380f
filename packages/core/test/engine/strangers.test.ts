import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import type { Incoming, ReceiveOptions } from '@multifd/core';
import { describe, expect, it } from 'vitest';
import { type Destination, destination } from '../support/ends.js';
import { expectValue, outcomeOf } from '../support/outcome.js';
import { firstPage, MIB } from '../support/ram.js';
import { type RawSource, raw } from '../support/raw-source.js';

const BLOCK = { name: 'pc.ram', length: MIB };
const main = {
  start: Buffer.concat([raw.header(), raw.start([BLOCK])]),
  end: Buffer.concat([raw.part('end'), raw.end()]),
};

const listen = (channels = 2, options: Partial<ReceiveOptions> = {}): Promise<Destination> =>
  destination({ ...options, parameters: { multifdChannels: channels, ...options.parameters } });

/** A right source with two channels, in QEMU's order. */
async function sendGuest(source: RawSource, channels = 2, uuid = new Uint8Array(16)): Promise<void> {
  const stream = await source.open(main.start);
  for (let channel = 0; channel < channels; channel++) {
    await source.open(raw.init(channel, uuid), raw.sync(), raw.sync());
  }
  stream.write(main.end);
}

async function completes(incoming: Incoming): Promise<void> {
  expectValue(await outcomeOf(incoming.result, 'receive'));
}

const channelOf = (channel: number): Uint8Array => Buffer.concat([raw.init(channel), raw.sync(channel)]);
/** A source with three channels: what it says as it connects, and when all of them have connected. */
const three = [0, 1, 2].map((channel) => ({
  first: raw.init(channel),
  later: Buffer.concat([raw.sync(channel), raw.sync(3 + channel)]),
}));
const wholeMain = { first: main.start, later: main.end };

function changed(bytes: Uint8Array, at: number, value: number): Uint8Array {
  const copy = Uint8Array.from(bytes);
  copy[at] = value;
  return copy;
}

const otherUuid = new Uint8Array(16).fill(8);

describe('whatever a stranger sends, the wait goes on and the right source gets in', () => {
  const dropped = [
    ['QEVM and the end', [Buffer.from('QEVM')], /closed after 4 bytes/],
    ['QEVM and garbage', [Buffer.from('QEVM'), new Uint8Array(2000).fill(0x99)], /version at byte 4/],
    ['a configuration and garbage', [raw.header(), new Uint8Array(2000).fill(0x99)], /./],
    ['a part of RAM before its START', [raw.header(), raw.part('part')], /./],
    [
      'another machine type',
      [raw.header('other'), raw.start([BLOCK])],
      /machine type: expected none, got other/,
    ],
    ['a version that is none', [changed(raw.init(0), 7, 9)], /init packet version/],
    ['another uuid', [raw.init(0, otherUuid)], /init packet uuid/],
    ['an init packet and garbage', [raw.init(0), new Uint8Array(2000).fill(0x22)], /packet 0: magic/],
    ['an HTTP request', [Buffer.from('POST /x HTTP/1.1\r\n\r\n')], /an HTTP request: "POST \/x HTTP\/1.1"/],
    ['the greeting of SSH', [Buffer.from('SSH-2.0-OpenSSH_9.2\r\n')], /plain text: "SSH-2.0-OpenSSH_9.2"/],
    ['a ClientHello', [Buffer.from('1603010200010001fc0303', 'hex')], /it speaks TLS.*tls-creds/],
  ] as const;
  it.each(dropped)('%s', async (_what, bytes, reason) => {
    const { incoming, source, refused } = await listen(2, { machineType: 'none' });
    const stranger = await source.open(...bytes);
    if (bytes.length === 1 && bytes[0]?.length === 4) stranger.end();
    await refused(reason);
    await sendGuest(source);
    await completes(incoming);
  });

  const kept = [
    ['QEVM', [Buffer.from('QEVM')]],
    ['half an init packet', [raw.init(0).subarray(0, 40)]],
    ['a right init packet', [raw.init(1)]],
    ['a right configuration', [raw.header(), raw.returnPath()]],
    ['channel 2 of 2', [raw.init(2)]],
    ['channel 254 of 2', [raw.init(254)]],
  ] as const;
  it.each(kept)('%s and then silence', async (_what, bytes) => {
    const { incoming, source } = await listen();
    for (let count = 0; count < 3; count++) await source.open(...bytes);
    await sendGuest(source);
    for (let count = 0; count < 3; count++) await source.open(...bytes);
    await completes(incoming);
  });

  it('channels without a main stream: they are dropped in time, and nothing ends', async () => {
    const { incoming, source, refused } = await listen(2, { parameters: { setupTimeout: 1000 } });
    await source.open(raw.init(0));
    await source.open(raw.init(1), raw.sync());
    await refused(/channel 0: it said no more/);
    await refused(/channel 1: no main stream came/);
    await sendGuest(source);
    await completes(incoming);
  });

  it.each(['closed', 'reset'] as const)(
    'a source whose main is %s before its channels are there',
    async (how) => {
      const { incoming, source, refused } = await listen(2, { parameters: { setupTimeout: 3_000 } });
      const stream = await source.open(main.start);
      await new Promise((resolve) => setTimeout(resolve, 500));
      if (how === 'closed') stream.end();
      else stream.resetAndDestroy();
      await refused(/main stream|broke/);
      // The time for its setup has gone with it.
      await new Promise((resolve) => setTimeout(resolve, 3_500));
      await sendGuest(source);
      await completes(incoming);
    },
  );

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

  it('what is left of a source that was refused is not reported again', async () => {
    const { incoming, source, refused, refusals } = await listen(2, { machineType: 'none' });
    const rest = [await source.open(), await source.open(raw.init(1))];
    await source.open(raw.header('other'), raw.start([BLOCK]));
    await refused(/machine type: expected none, got other/);
    for (const socket of rest) socket.end();
    // Both are looked at before a stranger that comes later.
    await Promise.all(rest.map((socket) => once(socket, 'close')));
    await source.open(Buffer.from('GET / HTTP/1.1\r\n\r\n'));
    await refused(/HTTP/);
    expect(refusals()).toHaveLength(2);
    await sendGuest(source);
    await completes(incoming);
  });

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

describe('a crowd', () => {
  it('1000 silent connections delay the source by less than 2 s', async () => {
    const { incoming, source, refusals } = await listen();
    const crowd = await crowdOf(incoming.address, 1000);
    const start = performance.now();
    await sendGuest(source);
    await completes(incoming);
    expect(performance.now() - start).toBeLessThan(10_000);
    for (const socket of crowd) socket.destroy();
    expect(refusals().length).toBeLessThanOrEqual(1000);
  });

  it('3000 are more than are kept: those that are silent longest go', async () => {
    const { incoming, source, refused } = await listen();
    const crowd: Socket[] = [];
    for (let wave = 0; wave < 3; wave++) crowd.push(...(await crowdOf(incoming.address, 1000)));
    await refused(/silent while others wait/);
    await sendGuest(source);
    await completes(incoming);
    for (const socket of crowd) socket.destroy();
  });
});

async function crowdOf(address: string, count: number): Promise<Socket[]> {
  const port = Number(address.split(':').at(-1));
  return Promise.all(
    Array.from({ length: count }, async () => {
      const socket = connect({ host: '127.0.0.1', port });
      socket.on('error', () => {});
      await once(socket, 'connect');
      return socket;
    }),
  );
}
