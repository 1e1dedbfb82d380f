import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, it } from 'vitest';
import { Line } from '../faults/line.js';

const toClose: (() => void)[] = [];
afterEach(() => {
  for (const close of toClose.splice(0)) close();
});

/** A line, both ends of its first connection, and what comes out of it. */
async function carried() {
  const server = createServer({ allowHalfOpen: true });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  const isInfo = (value: typeof address): value is AddressInfo => typeof value === 'object' && value !== null;
  const line = await Line.open(`tcp:127.0.0.1:${isInfo(address) ? address.port : 0}`);
  const accepted = once(server, 'connection');
  const near = connect({ host: '127.0.0.1', port: line.port, allowHalfOpen: true });
  near.on('error', () => {});
  const [far]: Socket[] = await accepted;
  if (far === undefined) throw new Error('no connection');
  toClose.push(() => {
    near.destroy();
    far.destroy();
    line.close();
    server.close();
  });
  return { line, near, far };
}

describe('a line', () => {
  it('holds bytes and the end behind them, and lets them go in their order', async () => {
    const { line, near, far } = await carried();
    line.hold('everything');
    let isOver = false;
    const came = text(far).finally(() => {
      isOver = true;
    });
    near.end('a guest');
    await sleep(200);
    expect({ isOver, bytes: far.bytesRead }).toEqual({ isOver: false, bytes: 0 });
    line.hold('nothing');
    expect(await came).toBe('a guest');
  });

  it('is cut at both ends', async () => {
    const { line, near, far } = await carried();
    const broken = [near, far].map(async (end) => (await once(end, 'error'))[0]?.code);
    line.cut();
    expect(await Promise.all(broken)).toEqual(['ECONNRESET', 'ECONNRESET']);
    expect(line.open).toBe(0);
  });

  it('passes the end of a process on', async () => {
    const { near, far } = await carried();
    const broken = once(far, 'error');
    near.resetAndDestroy();
    expect((await broken)[0]?.code).toBe('ECONNRESET');
  });
});
