import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import { expect, it } from 'vitest';
import { inTime, isSilent } from '../src/time-limit.js';

/** Stands still longer than the limit, as a process that was stopped; the answer comes meanwhile. */
function standStill(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}

async function withAnswer(look: (answer: Promise<unknown>) => Promise<unknown>): Promise<unknown> {
  const server = createServer((socket) => socket.end('answer'));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  const socket = connect(address !== null && typeof address === 'object' ? address.port : 0, '127.0.0.1');
  await once(socket, 'connect');
  try {
    const looked = look(once(socket, 'data'));
    standStill(400);
    return await looked;
  } finally {
    socket.destroy();
    server.close();
  }
}

it('an answer that has come while this process stood still is in time', async () => {
  const answered = withAnswer((answer) => inTime(answer, { timeout: 100, what: 'no answer' }));
  await expect(answered).resolves.toHaveLength(1);
  expect(await withAnswer((answer) => isSilent(answer, 100))).toBe(false);
});

// As over a loopback pair, which hands bytes from one thread to another.
it('so is one that needs some more turns then', async () => {
  const slowly = async (answer: Promise<unknown>): Promise<unknown> => {
    const [bytes] = [await answer];
    await new Promise((resolve) => setTimeout(resolve, 50));
    return bytes;
  };
  const answered = withAnswer((answer) => inTime(slowly(answer), { timeout: 20, what: 'no answer' }));
  await expect(answered).resolves.toHaveLength(1);
  expect(await withAnswer((answer) => isSilent(slowly(answer), 20))).toBe(false);
});

it('an answer that does not come is late', async () => {
  const never = new Promise<never>(() => {});
  await expect(inTime(never, { timeout: 20, what: 'no answer' })).rejects.toThrow('no answer within 20 ms');
  expect(await isSilent(never, 20)).toBe(true);
});
