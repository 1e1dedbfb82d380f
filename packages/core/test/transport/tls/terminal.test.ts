import { once } from 'node:events';
import { fstatSync } from 'node:fs';
import { createServer } from 'node:net';
import { connect } from 'node:tls';
import { MessageChannel } from 'node:worker_threads';
import { describe, expect, it, onTestFinished } from 'vitest';
import { PortStream } from '../../../src/transport/tls/port-stream.js';
import { TlsTerminal } from '../../../src/transport/tls/terminal.js';
import { inTime } from '../../support/outcome.js';
import { usualTls } from '../../support/tls.js';

/** A client, and the decrypted side of its connection. */
async function pair(suites: readonly string[] = []) {
  const { client, server } = await usualTls();
  const listener = createServer({ pauseOnConnect: true });
  listener.listen(0, '127.0.0.1');
  await once(listener, 'listening');
  onTestFinished(() => void listener.close());
  const { port1, port2 } = new MessageChannel();
  const closed = Promise.withResolvers<void>();
  listener.once('connection', (socket) => {
    new TlsTerminal(socket, server, 10_000, port1, suites, () => closed.resolve());
  });
  const address = listener.address();
  if (client.credentials.kind !== 'x509') throw new Error('not certificates');
  const { ca, own } = client.credentials;
  const port = address !== null && typeof address === 'object' ? address.port : 0;
  const source = connect({ port, host: '127.0.0.1', ca, ...own });
  const tickets: Buffer[] = [];
  source.on('session', (ticket: Buffer) => tickets.push(ticket));
  source.on('error', () => {});
  onTestFinished(() => void source.destroy());
  await inTime(once(source, 'secureConnect'), 'the handshake');
  return { source, plain: new PortStream(port2), tickets, closed: closed.promise };
}

describe('the decrypted side of a TLS connection', () => {
  it('sends a silent source nothing of its own, not even tickets: they would reset it when it closes', async () => {
    const { source, plain, tickets } = await pair();
    const before = source.bytesRead;
    source.write('hello');
    const [bytes]: Buffer[] = await inTime(once(plain, 'data'), 'the first bytes');
    expect(bytes?.toString()).toBe('hello');
    // Tickets would have left with the end of the handshake, before these bytes came back the whole way.
    source.write('again');
    await inTime(once(plain, 'data'), 'more bytes');
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect([source.bytesRead, tickets.length]).toEqual([before, 0]);
    plain.write('an answer');
    const [answer]: Buffer[] = await inTime(once(source, 'data'), 'the answer');
    expect(answer?.toString()).toBe('an answer');
    plain.destroy();
  });

  it('takes no more than it was asked for: a reader that stops, stops the source', async () => {
    const { source, plain } = await pair();
    const sent = 64 * 2 ** 20;
    let taken = 0;
    plain.pause();
    source.write(Buffer.alloc(sent));
    await new Promise((resolve) => setTimeout(resolve, 500));
    expect(plain.readableLength).toBeLessThan(4 * 2 ** 20);
    plain.on('data', (bytes: Buffer) => {
      taken += bytes.length;
    });
    source.end();
    plain.resume();
    await inTime(once(plain, 'end'), 'all bytes');
    expect([taken, plain.isCut, plain.bytesRead]).toEqual([sent, false, sent]);
  });

  it('delivers what was written before its end, and closes when both ends have ended', async () => {
    const { source, plain, closed } = await pair();
    const heard: Buffer[] = [];
    source.on('data', (bytes: Buffer) => heard.push(bytes));
    // A client is done with its handshake before the server is.
    source.write('x');
    await inTime(once(plain, 'data'), 'the first byte');
    plain.write('last words');
    plain.end();
    plain.destroy();
    await inTime(once(source, 'end'), 'the end');
    expect(Buffer.concat(heard).toString()).toBe('last words');
    source.destroy();
    await inTime(closed, 'the connection');
  });

  it('has caught up with an end that came before it asked', async () => {
    const { source, plain } = await pair();
    let ended = false;
    plain.resume();
    plain.on('end', () => {
      ended = true;
    });
    source.end();
    await inTime(once(source, 'finish'), 'the end');
    // It is in this socket by now, or will be within a turn of loopback.
    await new Promise((resolve) => setTimeout(resolve, 50));
    await inTime(plain.caughtUp(), 'the answer');
    expect(ended).toBe(true);
    plain.destroy();
  });

  const SUITES = ['TLS_AES_256_GCM_SHA384', 'TLS_AES_128_GCM_SHA256', 'TLS_CHACHA20_POLY1305_SHA256'];

  it('is taken over with all bytes so far, the secret, and how much was read', async () => {
    const { source, plain } = await pair(SUITES);
    source.write('hello');
    await inTime(once(plain, 'readable'), 'the first bytes');
    const session = await inTime(plain.detach(), 'the session');
    if (typeof session === 'string') throw new Error(session);
    expect(SUITES).toContain(session.suite);
    expect(session.secret.length).toBe(session.suite.endsWith('384') ? 48 : 32);
    expect(session.secret.some((byte) => byte !== 0)).toBe(true);
    expect(session.inode).toBe(fstatSync(session.fd, { bigint: true }).ino);
    expect(session.taken).toBe(5);
    // A ClientHello first, and the record of `hello` last.
    expect(Buffer.from(session.received.subarray(0, 1)).toString('hex')).toBe('16');
    expect(Buffer.from(session.received.subarray(-27, -22)).toString('hex')).toBe('1703030016');
    expect(plain.read()?.toString()).toBe('hello');
  });

  it('that was taken over is read on once this end is done with it, until the source ends', async () => {
    const { source, plain, closed } = await pair(SUITES);
    source.write('hello');
    await inTime(once(plain, 'readable'), 'the first bytes');
    expect(await inTime(plain.detach(), 'the session')).toBeTypeOf('object');
    plain.end();
    plain.resume();
    // More than fits into the kernel.
    await inTime(new Promise((resolve) => source.end(Buffer.alloc(32 * 2 ** 20), () => resolve(0))), 'all');
    await inTime(closed, 'the end');
  });

  it('keeps nothing for a taker once there will be none', async () => {
    const { source, plain } = await pair(SUITES);
    source.write('hello');
    await inTime(once(plain, 'readable'), 'the first bytes');
    plain.stays();
    expect(await inTime(plain.detach(), 'the answer')).toBe('stays');
    expect(plain.read()?.toString()).toBe('hello');
    plain.destroy();
  });

  it('stays where it is without a suite in common, and where all has come', async () => {
    const { source, plain } = await pair();
    source.write('hello');
    expect(await inTime(plain.detach(), 'the answer')).toBe('stays');
    source.end(' and more');
    const parts: Buffer[] = [];
    for await (const part of plain) parts.push(part);
    expect(Buffer.concat(parts).toString()).toBe('hello and more');
    expect(await plain.detach()).toBe('over');
  });
});
