import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { connect as connectTls, createServer as createTls, type TLSSocket } from 'node:tls';
import { MultifdError } from '@multifd/core';
import { TestAuthority } from '@multifd/testing/certificates';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { NativeTlsSocket } from '../src/binding.js';
import { socketIo } from '../src/index.js';
import { requireBinding } from '../src/load.js';
import { built } from './support/addon.js';

const SUITES = [
  ['TLS_AES_256_GCM_SHA384', 48],
  ['TLS_AES_128_GCM_SHA256', 32],
  ['TLS_CHACHA20_POLY1305_SHA256', 32],
] as const;
/** ms; only ever waited for if something is wrong. */
const LONG = 20_000;

function descriptor(socket: Socket): number {
  const handle: unknown = Reflect.get(socket, '_handle');
  const fd: unknown = typeof handle === 'object' && handle !== null ? Reflect.get(handle, 'fd') : undefined;
  if (typeof fd !== 'number') throw new Error('this Node shows no descriptor');
  return fd;
}

/** Two sockets that are connected, which Node does not read. */
async function sockets(): Promise<[Socket, Socket]> {
  const server = createServer({ pauseOnConnect: true });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  const port = address !== null && typeof address === 'object' ? address.port : 0;
  const one = connect({ host: '127.0.0.1', port, noDelay: true });
  one.pause();
  const [[other]] = await Promise.all([once(server, 'connection'), once(one, 'connect')]);
  if (!(other instanceof Object)) throw new Error('no socket');
  server.close();
  onTestFinished(() => {
    one.destroy();
    other.destroy();
  });
  return [one, other];
}

/** Native TLS on a socket. */
function native(socket: Socket): NativeTlsSocket {
  const { NativeTlsSocket } = requireBinding();
  const interrupt = socketIo.createInterrupt();
  const tls = new NativeTlsSocket(descriptor(socket), interrupt.id);
  onTestFinished(() => {
    tls.close();
    interrupt.close();
  });
  return tls;
}

/** Reads so many bytes, in pieces of any size. */
function take(tls: NativeTlsSocket, length: number): Buffer {
  const all = Buffer.alloc(length);
  for (let at = 0; at < length; ) {
    const first = Math.min(length - at, 1 + ((at * 7) % 5000));
    const second = Math.min(length - at - first, 20_000);
    at += tls.receive([all.subarray(at, at + first), all.subarray(at + first, at + first + second)], LONG);
  }
  return all;
}

describe.skipIf(!built)('TLS whose handshake somebody else has done', () => {
  it.each(SUITES)('%s: what one end sends the other gets, with new keys on the way', async (suite, bytes) => {
    const [one, other] = await sockets();
    const secret = randomBytes(bytes);
    const [sends, receives] = [native(one), native(other)];
    sends.sends(suite, secret, 2);
    receives.receives(suite, secret, Buffer.alloc(0), 0);
    for (const length of [1, 16_384, 16_385, 0, 90_000, 5]) {
      const content = randomBytes(length);
      sends.send([content.subarray(0, length >> 1), new Uint8Array(0), content.subarray(length >> 1)], LONG);
      expect(Buffer.compare(take(receives, length), content), `${length} bytes`).toBe(0);
    }
    sends.end(LONG);
    expect(receives.receive([Buffer.alloc(10)], LONG)).toBe(0);
    expect(receives.isCut()).toBe(false);
  });

  it('begins in the middle of what has come, behind records of other keys and what was read already', async () => {
    const suite = 'TLS_AES_256_GCM_SHA384';
    const [one, other] = await sockets();
    const secret = randomBytes(48);
    const [handshake, sends, receives] = [native(one), native(one), native(other)];
    handshake.sends(suite, randomBytes(48));
    sends.sends(suite, secret);
    const hello = Buffer.from('16030100050100000100', 'hex');
    const change = Buffer.from('140303000101', 'hex');
    other.resume();
    const parts: Buffer[] = [];
    other.on('data', (part: Buffer) => parts.push(part));
    one.write(Buffer.concat([hello, change]));
    await once(other, 'data');
    handshake.send([Buffer.from('finished')], LONG);
    sends.send([Buffer.from('init')], LONG);
    sends.send([Buffer.from('packet')], LONG);
    const length = () => parts.reduce((sum, part) => sum + part.length, 0);
    // Each begins with a KeyUpdate.
    while (length() < 16 + 27 + 30 + 27 + 26 + 28) await once(other, 'data');
    other.pause();
    // All of it, and in the middle of the last record, whose rest is on its way.
    const all = Buffer.concat(parts);
    for (const taken of [0, 4, 7, 10]) {
      const late = native(other);
      late.receives(suite, secret, all, taken);
      expect(take(late, 10 - taken).toString()).toBe('initpacket'.slice(taken));
    }
    sends.send([Buffer.from(' and more')], LONG);
    receives.receives(suite, secret, all, 4);
    expect(take(receives, 15).toString()).toBe('packet and more');
  });

  it('an end without close_notify is a cut, and so is one inside a record', async () => {
    for (const whole of [true, false]) {
      const [one, other] = await sockets();
      const secret = randomBytes(32);
      const [sends, receives] = [native(one), native(other)];
      sends.sends('TLS_AES_128_GCM_SHA256', secret);
      receives.receives('TLS_AES_128_GCM_SHA256', secret, Buffer.alloc(0), 0);
      sends.send([Buffer.from('hello')], LONG);
      if (!whole) one.write(Buffer.from('17030300', 'hex'));
      await new Promise<void>((resolve) => one.end(() => resolve()));
      expect(take(receives, 5).toString()).toBe('hello');
      expect(receives.receive([Buffer.alloc(10)], LONG)).toBe(0);
      expect(receives.isCut()).toBe(true);
    }
  });

  const broken = [
    [
      'of other keys',
      Buffer.concat([Buffer.from('1703030020', 'hex'), Buffer.alloc(32, 7)]),
      /bad record mac/,
    ],
    ['in the clear', Buffer.from('15030300020100', 'hex').subarray(0, 7), /length/],
    [
      'that was never protected',
      Buffer.concat([Buffer.from('1603030020', 'hex'), Buffer.alloc(32)]),
      /without protection/,
    ],
    ['that is too long', Buffer.from('170303ffff', 'hex'), /length/],
    ['that is too short', Buffer.from('1703030000', 'hex'), /length/],
  ] as const;
  it.each(broken)('refuses a record %s, and writes nothing', async (_what, bytes, says) => {
    const [one, other] = await sockets();
    const receives = native(other);
    receives.receives('TLS_AES_128_GCM_SHA256', randomBytes(32), Buffer.alloc(0), 0);
    one.write(bytes);
    const target = Buffer.alloc(64);
    expect(() => receives.receive([target], LONG)).toThrow(says);
    expect(target.every((byte) => byte === 0)).toBe(true);
  });

  it('a secret of another length, and an unknown suite, are refused', async () => {
    const [one] = await sockets();
    const tls = native(one);
    expect(() => tls.sends('TLS_AES_256_GCM_SHA384', randomBytes(32))).toThrow(/as long as its suite/);
    expect(() => tls.sends('TLS_RSA_WITH_NULL_MD5', randomBytes(32))).toThrow(/no suite/);
    expect(() => tls.send([Buffer.from('x')], LONG)).toThrow(/does not send/);
  });

  it('takes a secret to send with once: a second time would count its records from 0 again', async () => {
    const [one] = await sockets();
    const tls = native(one);
    const secret = randomBytes(32);
    tls.sends('TLS_AES_128_GCM_SHA256', secret);
    expect(() => tls.sends('TLS_AES_128_GCM_SHA256', secret)).toThrow(/sends already/);
  });

  it("goes on where Node's TLS leaves off, and Node understands new keys", async () => {
    const authority = await TestAuthority.make();
    const own = await authority.issue('server', { addresses: ['127.0.0.1'] });
    const server = createTls({ ...own, minVersion: 'TLSv1.3' });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const address = server.address();
    const port = address !== null && typeof address === 'object' ? address.port : 0;
    const accepted = once(server, 'secureConnection');
    const plain = connect({ host: '127.0.0.1', port, noDelay: true });
    await once(plain, 'connect');
    const fd = descriptor(plain);
    const client = connectTls({ socket: plain, ca: authority.cert, rejectUnauthorized: false });
    client.on('error', () => {});
    let secret: Buffer | undefined;
    client.on('keylog', (line: Buffer) => {
      const [label, , hex = ''] = line.toString().trim().split(' ');
      if (label === 'CLIENT_TRAFFIC_SECRET_0') secret = Buffer.from(hex, 'hex');
    });
    await once(client, 'secureConnect');
    const suite = client.getCipher().standardName;
    const [peer]: TLSSocket[] = await accepted;
    const got: Buffer[] = [];
    peer?.on('data', (part: Buffer) => got.push(part));
    const ended = peer === undefined ? undefined : once(peer, 'end');
    const { NativeTlsSocket } = requireBinding();
    const interrupt = socketIo.createInterrupt();
    const tls = new NativeTlsSocket(fd, interrupt.id);
    onTestFinished(() => {
      tls.close();
      interrupt.close();
      client.destroy();
      peer?.destroy();
      server.close();
    });
    if (secret === undefined) throw new Error('no secret');
    // Three records to a key.
    tls.sends(suite, secret, 3);
    const content = randomBytes(300_000);
    for (let at = 0; at < content.length; at += 100_000) {
      tls.send([content.subarray(at, at + 100_000)], LONG);
      await new Promise((resolve) => setImmediate(resolve));
    }
    tls.end(LONG);
    await ended;
    expect(Buffer.compare(Buffer.concat(got), content)).toBe(0);
  });

  it('an interrupt ends a wait, and the socket may be closed by its owner meanwhile', async () => {
    const [, other] = await sockets();
    const interrupt = socketIo.createInterrupt();
    const io = socketIo.openTls?.(descriptor(other), interrupt.id, {
      suite: 'TLS_AES_128_GCM_SHA256',
      receiving: { secret: randomBytes(32), received: Buffer.alloc(0), taken: 0 },
    });
    other.destroy();
    await once(other, 'close');
    expect(() => io?.receive([Buffer.alloc(1)], 50)).toThrow(MultifdError);
    interrupt.fire();
    expect(() => io?.receive([Buffer.alloc(1)], LONG)).toThrow(/cancelled/);
    io?.close();
    interrupt.close();
  });
});
