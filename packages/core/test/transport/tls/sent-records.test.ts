import { setTimeout as delay } from 'node:timers/promises';
import type { TLSSocket } from 'node:tls';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { MultifdError } from '../../../src/errors.js';
import { Counters } from '../../../src/thread/counters.js';
import { parseAddress } from '../../../src/transport/address.js';
import { BandwidthLimit } from '../../../src/transport/bandwidth.js';
import { openOutgoingChannel } from '../../../src/transport/open-channel.js';
import type { Outgoing } from '../../../src/transport/outgoing.js';
import { prepareSocketIo } from '../../../src/transport/socket-io.js';
import { INIT_PACKET_SIZE } from '../../../src/wire/layout.js';
import { channelsTls, host } from '../../support/host.js';
import { inTime, outcomeOf } from '../../support/outcome.js';
import { RecordsPeer } from '../../support/records-peer.js';
import { isAlert, isKeyUpdate, type SentRecord } from '../../support/tls-records.js';

/**
 * Every record that a channel of a source sends is opened, with the one key and number that it must have: whatever the other end
 * does, no nonce is there twice.
 */

const byHost = channelsTls !== 'node:tls';
/** ms in which what one end does has reached the other one. */
const REACHES = 60;

interface Channel {
  readonly opening: Promise<Outgoing>;
  readonly failed: Promise<MultifdError>;
  readonly cancel: AbortController;
  readonly tlsBy: () => string;
}

/** A channel to `peer`, in this thread: what it sends must fit into the kernel's queues. */
async function channelTo(peer: RecordsPeer, stallTimeout = 5000): Promise<Channel> {
  const io = await prepareSocketIo(host.socketIo);
  const counters = Counters.allocate(2).row(1);
  const cancel = new AbortController();
  cancel.signal.addEventListener('abort', () => io?.interrupt.fire());
  const failed = Promise.withResolvers<MultifdError>();
  const opening = openOutgoingChannel(
    { address: parseAddress(peer.address), tls: peer.client },
    { uuid: new Uint8Array(16), channel: 0 },
    { multifdChannels: 1, multifdCompression: 'zlib' },
    5000,
    {
      where: 'channel 0',
      stallTimeout,
      counters,
      limit: BandwidthLimit.allocate(0),
      signal: cancel.signal,
      jobs: { running: 1, areShared: false },
    },
    io?.link,
    failed.resolve,
  );
  opening.catch(() => {});
  onTestFinished(async () => {
    await opening.then(
      (outgoing) => outgoing.destroy(),
      () => {},
    );
    io?.interrupt.close();
  });
  return { opening, failed: failed.promise, cancel, tlsBy: () => counters.tlsBy };
}

/** All bytes that the records carry. */
const contentOf = (records: readonly SentRecord[]): Buffer =>
  Buffer.concat(records.filter(({ type }) => type === 23).map(({ content }) => content));

/** A part of a guest. */
const PAGES = Buffer.alloc(100_000, 7);

/** The first record changes the keys where the host encrypts, and all guest data is under keys that Node never used. */
function expectNewKeys(records: readonly SentRecord[]): void {
  for (const [index, each] of records.entries()) {
    if (byHost) expect(each.generation).toBe(index === 0 ? 0 : 1);
    else expect(each.generation).toBe(0);
  }
  const [first] = records;
  if (byHost && first !== undefined) expect(isKeyUpdate(first)).toBe(true);
}

describe('of a channel', () => {
  it.each(['TLS_AES_256_GCM_SHA384', 'TLS_AES_128_GCM_SHA256', 'TLS_CHACHA20_POLY1305_SHA256'])(
    '%s: all records open in their order, to close_notify',
    async (suite) => {
      const got: Buffer[] = [];
      const ended = Promise.withResolvers<void>();
      const peer = await RecordsPeer.listen(
        (plain) => {
          plain.on('data', (bytes: Buffer) => got.push(bytes));
          plain.on('end', ended.resolve);
        },
        { ciphers: suite },
      );
      const channel = await channelTo(peer);
      const outgoing = await channel.opening;
      for (const _ of [1, 2, 3]) {
        await outgoing.send([PAGES, PAGES.subarray(0, 5)], PAGES.length + 5);
        await delay(1);
      }
      await outgoing.close();
      await inTime(ended.promise, 'the end');
      const records = peer.sent(0);
      expectNewKeys(records);
      expect(records.filter(isAlert).map(({ content }) => content.toString('hex'))).toEqual(['0100']);
      expect(records.at(-1)).toSatisfy(isAlert);
      const sent = contentOf(records);
      expect(sent.length).toBe(INIT_PACKET_SIZE + 3 * (PAGES.length + 5));
      // What its peer understood is the same.
      expect(Buffer.compare(Buffer.concat(got), sent)).toBe(0);
      expect(channel.tlsBy()).toBe(byHost ? 'host' : 'node');
    },
  );

  it('TLS 1.2 stays with Node', async () => {
    const got: Buffer[] = [];
    const ended = Promise.withResolvers<void>();
    const peer = await RecordsPeer.listen(
      (plain) => {
        plain.on('data', (bytes: Buffer) => got.push(bytes));
        plain.on('end', ended.resolve);
      },
      { maxVersion: 'TLSv1.2' },
    );
    const channel = await channelTo(peer);
    const outgoing = await channel.opening;
    await outgoing.send([PAGES], PAGES.length);
    await outgoing.close();
    await inTime(ended.promise, 'the end');
    expect(Buffer.concat(got).length).toBe(INIT_PACKET_SIZE + PAGES.length);
    expect(channel.tlsBy()).toBe('node');
  });
});

describe('of a source that', () => {
  it.each(['gives up', 'is cancelled'])('%s at once: nothing but whole, new records', async (how) => {
    const secured = Promise.withResolvers<void>();
    const peer = await RecordsPeer.listen((plain) => {
      plain.resume();
      secured.resolve();
    });
    const channel = await channelTo(peer);
    const outgoing = await channel.opening;
    await secured.promise;
    await outgoing.send([PAGES], PAGES.length);
    if (how === 'is cancelled') channel.cancel.abort();
    else outgoing.destroy();
    await peer.closed(0);
    expectNewKeys(peer.sent(0));
  });

  it('waits in vain for its bytes to leave: a part of a record is its last', async () => {
    const peer = await RecordsPeer.listen((plain) => plain.resume());
    const channel = await channelTo(peer, 300);
    const outgoing = await channel.opening;
    peer.connections[0]?.from.pause();
    const much = Buffer.alloc(32 * 2 ** 20, 5);
    await expect(outgoing.send([much], much.length).then(() => outgoing.drained())).rejects.toThrow(
      /took no byte/,
    );
    await outcomeOf(outgoing.close(), 'closing');
    outgoing.destroy();
    peer.connections[0]?.from.resume();
    await peer.closed(0);
    expect(contentOf(peer.sent(0)).length).toBeGreaterThan(100_000);
    expectNewKeys(peer.sent(0));
  });

  it.each(['closes without a word', 'ends with close_notify', 'resets the connection'])(
    'waits notices that the other end %s',
    async (what) => {
      let plain: TLSSocket | undefined;
      const begun = Promise.withResolvers<void>();
      const peer = await RecordsPeer.listen((secured) => {
        plain = secured.resume();
        begun.resolve();
      });
      const channel = await channelTo(peer);
      await Promise.all([channel.opening, begun.promise]);
      DEEDS[what]?.(peer, plain);
      const error = await inTime(channel.failed, 'the failure', 2000);
      expect(error.message).toMatch(/^channel 0: the (destination closed the|connection broke)/);
    },
  );
});

/** What the other end does, on the connection's plain side or on the wire. */
const DEEDS: Readonly<Record<string, (peer: RecordsPeer, plain: TLSSocket | undefined) => unknown>> = {
  'ends with close_notify': (_peer, plain) => plain?.end(),
  'closes without a word': (peer) => peer.connections[0]?.from.end(),
  'resets the connection': (peer) => peer.connections[0]?.from.resetAndDestroy(),
  'sends close_notify and stays': (peer) => peer.write(0, 21, Buffer.from([1, 0])),
  'sends a fatal alert': (peer) => peer.write(0, 21, Buffer.from([2, 40])),
  'wants new keys in return': (peer) => peer.write(0, 22, Buffer.from([24, 0, 0, 1, 1])),
  'sends what is no record': (peer) => peer.connections[0]?.from.write(Buffer.alloc(100, 0xee)),
  'sends a record that does not open': (peer) =>
    peer.connections[0]?.from.write(Buffer.concat([Buffer.from('1703030040', 'hex'), Buffer.alloc(64, 9)])),
  'gets a record that does not open': (peer) =>
    peer.connections[0]?.to.write(Buffer.concat([Buffer.from('1703030040', 'hex'), Buffer.alloc(64, 9)])),
};

const STAGES = [
  'in the handshake',
  'right behind the handshake',
  'once the channel is there',
  'among pages',
] as const;

describe.each(STAGES)('%s the other end', (stage) => {
  it.each(Object.keys(DEEDS))('%s', async (what) => {
    const deed = DEEDS[what];
    let plain: TLSSocket | undefined;
    const begun = Promise.withResolvers<void>();
    const doIt = (): void => {
      try {
        deed?.(peer, plain);
      } catch {
        // In the handshake there are no keys for a record of its own.
      }
    };
    const peer = await RecordsPeer.listen((secured) => {
      plain = secured;
      secured.resume();
      if (stage === 'right behind the handshake') doIt();
      begun.resolve();
    });
    const channel = await channelTo(peer);
    if (stage === 'in the handshake') {
      while (peer.connections[0]?.sent.length === undefined) await delay(1);
      doIt();
    }
    const opened = await outcomeOf(channel.opening, 'the channel');
    if (opened.ok) {
      const outgoing = opened.value;
      await begun.promise;
      if (stage === 'among pages') await outgoing.send([PAGES], PAGES.length);
      if (stage === 'once the channel is there' || stage === 'among pages') doIt();
      await delay(REACHES);
      // It may have failed, or not have noticed.
      for (const _ of [1, 2]) {
        await outcomeOf(outgoing.send([PAGES], PAGES.length), 'sending');
        await delay(1);
      }
      await outcomeOf(outgoing.close(), 'closing');
      await delay(1);
      outgoing.destroy();
    }
    await peer.closed(0);
    expectNewKeys(peer.sent(0));
  });
});
