import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { Worker } from 'node:worker_threads';
import { afterEach, describe, expect, it } from 'vitest';
import { Bridge } from '../../src/transport/bridge.js';
import { canPostSockets, takeOver } from '../../src/transport/handover.js';
import { inTime } from '../support/outcome.js';

const closing: (() => void)[] = [];
afterEach(() => {
  for (const close of closing.splice(0)) close();
});

/** A connection: the end that this process accepted, unread, and the peer's. */
async function pair(): Promise<{ accepted: Socket; peer: Socket }> {
  const server = createServer({ pauseOnConnect: true });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  const connected = once(server, 'connection');
  const peer = connect({
    port: address !== null && typeof address === 'object' ? address.port : 0,
    allowHalfOpen: true,
  });
  const [accepted]: Socket[] = await connected;
  if (accepted === undefined) throw new Error('no connection');
  for (const socket of [accepted, peer]) socket.on('error', () => {});
  closing.push(
    () => server.close(),
    () => accepted.destroy(),
    () => peer.destroy(),
  );
  return { accepted, peer };
}

async function bridged() {
  const bridge = new Bridge();
  closing.push(
    () => bridge.close(),
    () => bridge.stopListening(),
  );
  const { accepted, peer } = await pair();
  const handover = await bridge.carry(accepted);
  if (handover.type !== 'bridge') throw new Error('the socket itself');
  return { bridge, accepted, peer, handover };
}

async function all(socket: Duplex): Promise<string> {
  const chunks: Buffer[] = [];
  socket.on('data', (chunk: Buffer) => chunks.push(chunk));
  socket.resume();
  await inTime(once(socket, 'end'), 'the end');
  return Buffer.concat(chunks).toString();
}

describe('a bridge', () => {
  it('carries both directions, each to its own end, whoever calls when', async () => {
    const { peer, handover } = await bridged();
    // Before the thread has called, and its direction ends before the thread has read anything.
    peer.end('from the source');
    const socket = await takeOver(handover);
    closing.push(() => socket.destroy());
    socket.write('the answer');
    expect(await all(socket)).toBe('from the source');
    expect(await all(peer)).toBe('the answer');
  });

  it('carries nothing for a caller with another key, or with none', async () => {
    const { peer, handover } = await bridged();
    peer.write('guest memory');
    const stranger = await takeOver({ ...handover, key: new Uint8Array(16) });
    expect(await all(stranger)).toBe('');
    const socket = await takeOver(handover);
    closing.push(() => socket.destroy());
    peer.end();
    expect(await all(socket)).toBe('guest memory');
    // A key is good for one call.
    expect(await all(await takeOver(handover))).toBe('');
  });

  it('carries nothing of a connection that is closed', async () => {
    const bridge = new Bridge();
    closing.push(() => bridge.stopListening());
    const { accepted } = await pair();
    accepted.destroy();
    await expect(bridge.carry(accepted)).rejects.toMatchObject({ code: 'peer-closed' });
  });

  it('that is closed ends both', async () => {
    const { bridge, peer, handover } = await bridged();
    const socket = await takeOver(handover);
    socket.on('error', () => {});
    closing.push(() => socket.destroy());
    peer.write('x');
    await inTime(once(socket.resume(), 'data'), 'the first byte');
    const closed = Promise.all([once(peer.resume(), 'close'), once(socket, 'close')]);
    peer.end();
    bridge.close();
    await inTime(closed, 'both ends');
  });
});

describe('canPostSockets', () => {
  it('says what this Node does', async () => {
    const { accepted } = await pair();
    const worker = new Worker('', { eval: true });
    closing.push(() => void worker.terminate());
    let posted = true;
    try {
      worker.postMessage(accepted, [accepted]);
    } catch {
      posted = false;
    }
    expect(canPostSockets()).toBe(posted);
  });
});
