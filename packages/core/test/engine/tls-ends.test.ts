import type { TLSSocket } from 'node:tls';
import { openRamBlockSync, relay } from '@multifd/core';
import { TestAuthority } from '@multifd/testing/certificates';
import { describe, expect, it } from 'vitest';
import { closeAfterTest, type Destination, destination, until } from '../support/ends.js';
import { channelsTls, host } from '../support/host.js';
import { expectFailure, expectValue, outcomeOf } from '../support/outcome.js';
import { move, tryToMove } from '../support/pair.js';
import { createGuestRam, MIB } from '../support/ram.js';
import { raw } from '../support/raw-source.js';
import { line, RawTlsSource, type Recorded, usualTls } from '../support/tls.js';

const BLOCK = { name: 'pc.ram', length: MIB };

interface Ends extends Destination {
  readonly connections: readonly Recorded[];
  readonly main: TLSSocket;
  readonly channel: TLSSocket;
}

/** A source with one channel, which the test speaks for, on a line that the test can cut. */
async function connected(returnPath = false): Promise<Ends> {
  const { client, server } = await usualTls();
  const there = await destination({ tls: server, parameters: { multifdChannels: 1, stallTimeout: 5000 } });
  const { address, connections } = await line(there.incoming.address);
  const source = new RawTlsSource(address, client);
  const main = await source.open(
    raw.header(),
    returnPath ? raw.returnPath() : raw.nothing,
    raw.start([BLOCK]),
  );
  const channel = await source.open(raw.init(0), raw.sync());
  await there.active();
  return { ...there, connections, main, channel };
}

/** The destination sees an end of TCP, and none of TLS. */
const cut = (connection: Recorded | undefined): void => void connection?.to.end();

describe('an end without close_notify', () => {
  it('of all connections is fine once everything has come, as from QEMU up to 9.1', async () => {
    const { incoming, connections, main, channel } = await connected();
    channel.write(raw.sync(1));
    main.write(Buffer.concat([raw.part('end'), raw.end()]));
    await until(() => connections.every(({ sent }) => Buffer.concat(sent).length > 0), 'all bytes');
    // QEMU closes when its sockets have taken all of it.
    await new Promise((resolve) => main.write(Buffer.alloc(0), resolve));
    for (const each of connections) cut(each);
    expectValue(await outcomeOf(incoming.result, 'receive'));
  });

  it('of main before its end fails', async () => {
    const { incoming, connections } = await connected();
    cut(connections[0]);
    expectFailure(
      await outcomeOf(incoming.result, 'receive'),
      'peer-closed',
      /main stream: the source closed it/,
    );
  });

  it('of a channel before its sync fails', async () => {
    const { incoming, connections, main } = await connected();
    cut(connections[1]);
    main.write(Buffer.concat([raw.part('end'), raw.end()]));
    expectFailure(
      await outcomeOf(incoming.result, 'receive'),
      'peer-closed',
      /channel 0: the source closed it/,
    );
  });

  it('inside a packet says that it was cut', async () => {
    const { incoming, connections, channel } = await connected();
    const packet = raw.packet({ block: 'pc.ram', normal: [0], fill: 7 });
    await new Promise((resolve) => channel.write(packet.subarray(0, 2000), resolve));
    cut(connections[1]);
    expectFailure(
      await outcomeOf(incoming.result, 'receive'),
      'peer-closed',
      /channel 0: the source closed it after \d+ of \d+ bytes, or somebody cut it: TLS did not end/,
    );
  });
});

it('a clean end before the end fails too, and is not called a cut', async () => {
  const { incoming, channel, main } = await connected();
  channel.end(raw.packet({ block: 'pc.ram', normal: [0], fill: 7 }).subarray(0, 2000));
  const error = expectFailure(await outcomeOf(incoming.result, 'receive'), 'peer-closed', /channel 0/);
  expect(error.message).not.toMatch(/cut/);
  main.destroy();
});

it('a line that breaks in the middle fails both ends, and the guest stays', async () => {
  const { client, server } = await usualTls();
  let seen: Awaited<ReturnType<typeof line>> | undefined;
  const outcome = await tryToMove({
    guest: { ram: createGuestRam({ seed: 1, blocks: [{ name: 'pc.ram', length: 16 * MIB }] }) },
    parameters: { maxBandwidth: 4 * MIB, stallTimeout: 10_000 },
    source: {
      tls: client,
      onEvent: (event) => {
        if (event.type === 'progress')
          for (const { from, to } of seen?.connections ?? []) [from, to].map((end) => end.destroy());
      },
    },
    destination: { tls: server },
    listening: async ({ address }) => {
      seen = await line(address);
      return seen.address;
    },
  });
  expect(expectFailure(outcome.sent, ['peer-closed', 'tls']).guest).toBe('source');
  expectFailure(outcome.received, 'peer-closed');
});

it('the source sends close_notify on main and on each channel', async () => {
  const { client, server } = await usualTls();
  let seen: Awaited<ReturnType<typeof line>> | undefined;
  await move({
    guest: { ram: createGuestRam({ seed: 1 }) },
    source: { tls: client },
    destination: { tls: server },
    listening: async ({ address }) => {
      seen = await line(address);
      return seen.address;
    },
  });
  // An alert in TLS 1.3: a record of application data with 2 bytes, their type and a tag of 16.
  const last = (seen?.connections ?? []).map(({ sent }) =>
    Buffer.concat(sent).subarray(-24, -19).toString('hex'),
  );
  expect(last).toEqual(['1703030013', '1703030013', '1703030013']);
});

it('a relay speaks TLS on each side as it is told, and says who is there', async () => {
  const { client, server } = await usualTls();
  const { incoming: end } = await destination({ tls: server });
  const relaying = closeAfterTest(
    await relay({
      listen: 'tcp:127.0.0.1:0',
      to: end.address,
      outgoing: { zeroPageDetection: 'none' },
      ...host,
      incomingTls: server,
      outgoingTls: client,
    }),
  );
  const { sent } = await tryToMove({
    guest: { ram: createGuestRam({ seed: 9 }) },
    source: { tls: client },
    listening: async (unused) => {
      unused.close();
      return relaying.address;
    },
  });
  expect(expectValue(sent).tls).toMatchObject({ name: 'CN=server.example' });
  const relayed = expectValue(await outcomeOf(relaying.result, 'relay'));
  expect(relayed.incomingTls).toMatchObject({ name: 'CN=source.example,O=Example', channels: channelsTls });
  expect(relayed.outgoingTls).toMatchObject({ name: 'CN=server.example', channels: channelsTls });
  expectValue(await outcomeOf(end.result, 'receive'));
});

it.each(['TLSv1.2', 'TLSv1.3'] as const)(
  'a source of %s is taken, and the result says who decrypts',
  async (version) => {
    const { client, server } = await usualTls();
    const there = await destination({ tls: server, parameters: { multifdChannels: 1 } });
    const source = new RawTlsSource(there.incoming.address, client, version);
    const main = await source.open(raw.header(), raw.start([BLOCK]));
    const packet = raw.packet({ block: 'pc.ram', normal: [0, 5 * 4096], fill: 7, number: 1 });
    const channel = await source.open(raw.init(0), raw.sync(), packet, raw.sync(2));
    // A channel that ends before its thread reads it stays with Node.
    await until(
      () => there.events.some((each) => each.type === 'progress' && each.statistics.normal === 2),
      'its pages',
    );
    channel.end();
    main.write(Buffer.concat([raw.part('end'), raw.end()]));
    const received = expectValue(await outcomeOf(there.incoming.result, 'receive'));
    expect(received.tls).toMatchObject({
      version,
      channels: version === 'TLSv1.3' ? channelsTls : 'node:tls',
    });
    const [block] = received.ram.blocks;
    if (block === undefined) throw new Error('no block');
    const bytes = openRamBlockSync(block).read(0, MIB, new Uint8Array(MIB));
    expect([bytes[0], bytes[4096], bytes[5 * 4096 + 4095], bytes[6 * 4096]]).toEqual([7, 0, 7, 0]);
  },
);

it('a record that was changed on the way ends the migration', async () => {
  const { incoming, connections, channel } = await connected();
  const to = connections[1]?.to;
  // One that TLS did not make, where the next one is expected.
  to?.write(Buffer.concat([Buffer.from('1703030020', 'hex'), Buffer.alloc(32, 7)]));
  channel.on('error', () => {});
  const error = expectFailure(await outcomeOf(incoming.result, 'receive'), 'peer-closed', /^channel 0: /);
  expect(error.message).toMatch(/bad record mac/);
});

it('a channel of somebody else than the main stream, with a certificate as good, is refused', async () => {
  const authority = await TestAuthority.make();
  const server = await authority.issue('server', { addresses: ['127.0.0.1'] });
  const [one, other] = await Promise.all(
    ['one', 'other'].map((name) => authority.issue('client', { subject: `CN=${name}.example` })),
  );
  const x509 = { kind: 'x509', verifyPeer: true, ca: authority.cert } as const;
  const there = await destination({
    tls: { credentials: { ...x509, endpoint: 'server', own: server } },
    parameters: { multifdChannels: 1 },
  });
  const source = (own: typeof one) =>
    new RawTlsSource(there.incoming.address, {
      credentials: { ...x509, endpoint: 'client', ...(own === undefined ? {} : { own }) },
    });
  const main = await source(one).open(raw.header(), raw.start([BLOCK]));
  await source(other).open(raw.init(0), raw.sync());
  await there.refused(/^it is not the main stream's source, but CN=other\.example$/);
  await source(one).open(raw.init(0), raw.sync(), raw.sync(1));
  await there.active();
  main.write(Buffer.concat([raw.part('end'), raw.end()]));
  const received = expectValue(await outcomeOf(there.incoming.result, 'receive'));
  expect(received.tls).toMatchObject({ name: 'CN=one.example' });
});
