import { once } from 'node:events';
import type { Socket } from 'node:net';
import { createRandom, type Random, testSeed } from '@multifd/testing/random';
import { afterEach, describe, expect, it } from 'vitest';
import { MultifdError } from '../../src/errors.js';
import type { IncomingConnection } from '../../src/transport/incoming.js';
import { incomingPair } from '../support/incoming-pair.js';
import { inTime } from '../support/outcome.js';

const seed = testSeed();
const closing: (() => void)[] = [];

afterEach(() => {
  for (const close of closing.splice(0)) close();
});

async function open(adopt: boolean) {
  const pair = await incomingPair(adopt);
  closing.push(pair.close);
  return pair;
}

/** Writes all of it in random pieces with random pauses, then ends. */
async function send(peer: Socket, bytes: Uint8Array, random: Random): Promise<void> {
  const most = [3, 200, 5000, 100_000, 600_000][random.int(5)] ?? 1;
  for (let at = 0; at < bytes.length; ) {
    const size = Math.min(bytes.length - at, most < 100 ? 1 + random.int(2000) : 1 + random.int(most));
    if (!peer.write(bytes.subarray(at, at + size))) await once(peer, 'drain');
    at += size;
    const pause = random.int(3);
    if (pause === 0) await new Promise((resolve) => setImmediate(resolve));
    else if (pause === 1 && random.int(20) === 0) await new Promise((resolve) => setTimeout(resolve, 2));
  }
  peer.end();
}

/** Takes everything by a random sequence of all the ways to take it. */
async function take(connection: IncomingConnection, random: Random): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  for (;;) {
    const way = random.int(4);
    if (way === 0) {
      const some = await connection.some();
      if (some === undefined) break;
      parts.push(some.slice());
    } else if (way === 1) {
      // A peek of one byte tells the end; further ones must show the same bytes again.
      const first = await connection.peek(1);
      if (first === undefined) break;
      const byte = first[0];
      const again = await connection.peek(1);
      expect(again?.[0]).toBe(byte);
      parts.push(Uint8Array.of(byte ?? 0));
      connection.skip(1);
    } else {
      if ((await connection.peek(1)) === undefined) break;
      const target = new Uint8Array(1 + random.int(way === 2 ? 300 : 70_000));
      try {
        const cut = random.int(target.length + 1);
        await connection.read([target.subarray(0, cut), target.subarray(cut)]);
        parts.push(target);
      } catch (error) {
        // The stream ended inside: how much came of it, the message says.
        const got = /after (\d+) of/.exec(error instanceof Error ? error.message : '')?.[1];
        if (got === undefined) throw error;
        parts.push(target.slice(0, Number(got)));
        break;
      }
    }
    if (random.int(30) === 0) await new Promise((resolve) => setTimeout(resolve, 1));
  }
  return Buffer.concat(parts);
}

describe.each([true, false])('IncomingConnection, adopt %s', (adopt) => {
  for (let round = 0; round < 12; round++) {
    it(`gives every byte once and in order, round ${round} (MULTIFD_SEED=${seed})`, async () => {
      const random = createRandom(seed + round);
      const bytes = random.bytes(random.int([50, 20_000, 1_500_000][round % 3] ?? 1));
      const { peer, connection } = await open(adopt);
      const [got] = await inTime(
        Promise.all([take(connection, random), send(peer, bytes, createRandom(seed * 3 + round))]),
        'the transfer',
      );
      expect(got.length).toBe(bytes.length);
      expect(Buffer.compare(got, bytes)).toBe(0);
      // And stays at its end.
      expect(await connection.peek(1)).toBeUndefined();
      expect(await connection.some()).toBeUndefined();
    });
  }

  it('reads straight into shared memory', async () => {
    const { peer, connection } = await open(adopt);
    const memory = new Uint8Array(new SharedArrayBuffer(300_000)).subarray(1000, 299_000);
    const bytes = createRandom(seed).bytes(memory.length);
    peer.write(bytes);
    await inTime(connection.read([memory]), 'the read');
    expect(Buffer.compare(memory, bytes)).toBe(0);
    expect(new Uint8Array(memory.buffer, 0, 1000).every((byte) => byte === 0)).toBe(true);
    expect(new Uint8Array(memory.buffer, 299_000).every((byte) => byte === 0)).toBe(true);
  });

  it('a reader that pauses holds the peer back and loses nothing', async () => {
    const { peer, connection } = await open(adopt);
    const bytes = createRandom(seed).bytes(8_000_000);
    const sent = send(peer, bytes, createRandom(seed + 1));
    await connection.peek(10);
    await new Promise((resolve) => setTimeout(resolve, 300));
    const got = new Uint8Array(bytes.length);
    await inTime(Promise.all([connection.read([got]), sent]), 'the transfer');
    expect(Buffer.compare(got, bytes)).toBe(0);
  });

  it('peeks up to its whole staging buffer, wherever it stands in it', async () => {
    const { peer, connection } = await open(adopt);
    const bytes = createRandom(seed).bytes(40_000);
    peer.write(bytes);
    await connection.peek(16_000);
    connection.skip(16_000);
    expect(
      Buffer.compare((await connection.peek(16_384)) ?? new Uint8Array(0), bytes.subarray(16_000, 32_384)),
    ).toBe(0);
  });

  describe('the peer closes', () => {
    it('before any byte: no bytes, no error', async () => {
      const { peer, connection } = await open(adopt);
      peer.end();
      expect(await inTime(connection.peek(4), 'peek')).toBeUndefined();
      expect(await connection.some()).toBeUndefined();
    });

    it.each([1, 3, 63])('after %i bytes of 64 that are peeked', async (count) => {
      const { peer, connection } = await open(adopt);
      peer.end(new Uint8Array(count));
      await expect(inTime(connection.peek(64), 'peek')).rejects.toThrow(
        `channel 7: the source closed it after ${count} of 64 bytes`,
      );
    });

    it.each([0, 1, 99_999])('after %i bytes of 100000 that are read', async (count) => {
      const { peer, connection } = await open(adopt);
      peer.end(new Uint8Array(count));
      const error: unknown = await inTime(connection.read([new Uint8Array(100_000)]), 'read').catch(
        (e: unknown) => e,
      );
      expect(MultifdError.is(error) && error.code).toBe('peer-closed');
      expect(String(error)).toContain(`after ${count} of 100000 bytes`);
    });

    it('exactly behind what is read', async () => {
      const { peer, connection } = await open(adopt);
      peer.end(new Uint8Array(70_000).fill(3));
      const target = new Uint8Array(70_000);
      await inTime(connection.read([target]), 'read');
      expect(target.every((byte) => byte === 3)).toBe(true);
      expect(await connection.peek(1)).toBeUndefined();
    });

    it('by a reset', async () => {
      const { peer, connection } = await open(adopt);
      peer.write(new Uint8Array(10));
      await connection.peek(10);
      peer.resetAndDestroy();
      const error: unknown = await inTime(connection.read([new Uint8Array(100)]), 'read').catch(
        (e: unknown) => e,
      );
      expect(MultifdError.is(error) && error.code).toBe('peer-closed');
    });
  });

  it('destroy ends a pending read with the error it was given', async () => {
    const { connection } = await open(adopt);
    const reading = connection.read([new Uint8Array(10)]);
    connection.destroy(new MultifdError('cancelled', 'told to stop'));
    await expect(inTime(reading, 'read')).rejects.toThrow('told to stop');
    connection.destroy();
  });

  it('drain reads to the end and never throws', async () => {
    const { peer, connection } = await open(adopt);
    peer.end(new Uint8Array(500_000));
    await inTime(connection.drain(), 'drain');
    const other = await open(adopt);
    other.peer.write(new Uint8Array(5));
    setTimeout(() => other.peer.resetAndDestroy(), 20);
    await inTime(other.connection.drain(), 'drain');
  });
});
