import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { createRandom, testSeed } from '@multifd/testing/random';
import { describe, expect, test } from 'vitest';
import { socketIo } from '../src/index.js';
import { built } from './support/addon.js';
import { blockingEnd, connectPair, type Outcome } from './support/ends.js';
import { bytesOf, MIB, openRam, optionsOf, PAGE, sparseFile } from './support/memory.js';

/** Enough that it cannot all be in the kernel's buffers. */
const MUCH: readonly [number, number] = [0, 64 * MIB];
/** ms; only ever waited for where that is what is tested. */
const LONG = 60_000;

async function read(source: AsyncIterable<Buffer>, length: number): Promise<Buffer> {
  const parts: Buffer[] = [];
  let count = 0;
  for await (const part of source) {
    parts.push(part);
    count += part.length;
    if (count >= length) break;
  }
  return Buffer.concat(parts);
}

describe.skipIf(!built).each(['tcp', 'tcp, limited', 'unix'] as const)('a blocking socket: %s', (kind) => {
  test('sends thousands of vectors from guest memory, in order', async () => {
    const seed = testSeed();
    const random = createRandom(seed).int;
    const { ram, block, close } = openRam(optionsOf('memfd', 8 * MIB));
    block.write(
      0,
      Uint8Array.from({ length: 8 * MIB }, () => random(256)),
    );
    const pair = await connectPair(kind, ram.descriptor);
    const pieces = Array.from({ length: 5000 }, (): [number, number] => {
      const length = random(3) === 0 ? 0 : random(3 * PAGE);
      return [random(8 * MIB - length), length];
    });
    const expected = Buffer.concat(pieces.map(([offset, length]) => bytesOf(block, offset, length)));
    const sent = pair.blocking.call({ do: 'send', pieces, timeout: LONG });
    const got = await read(pair.other, expected.length);
    expect(await sent).toMatchObject({ ok: undefined });
    expect(Buffer.compare(got, expected), `seed ${seed}`).toBe(0);
    await pair.close();
    close();
  });

  test('receives into guest memory, whatever the pieces are that arrive', async () => {
    const seed = testSeed();
    const random = createRandom(seed).int;
    const { ram, block, close } = openRam(optionsOf('anon', 4 * MIB));
    const pair = await connectPair(kind, ram.descriptor);
    const source = Buffer.from(Uint8Array.from({ length: 4 * MIB }, () => random(256)));
    const pieces = Array.from({ length: (4 * MIB) / 65536 }, (_, index): [number, number] => [
      index * 65536,
      65536,
    ]);
    const received = pair.blocking.call({ do: 'receiveAll', pieces, timeout: LONG });
    for (let at = 0; at < source.length; ) {
      const length = 1 + random(100_000);
      pair.other.write(source.subarray(at, at + length));
      at += length;
      if (random(10) === 0) await sleep(1);
    }
    expect(await received).toMatchObject({ ok: 'all' });
    expect(Buffer.compare(bytesOf(block, 0, 4 * MIB), source), `seed ${seed}`).toBe(0);
    await pair.close();
    close();
  });

  test('is interrupted at once while it sends, waits or receives, and stays so', async () => {
    for (const call of [
      { do: 'send', pieces: [MUCH], timeout: LONG },
      { do: 'receive', pieces: [[0, 10]], timeout: Number.POSITIVE_INFINITY },
    ] as const) {
      const pair = await connectPair(kind);
      const outcome = pair.blocking.call(call);
      await sleep(50);
      pair.interrupt.fire();
      pair.interrupt.fire();
      expect(await outcome).toMatchObject({ code: 'cancelled' });
      // Also when bytes could go and come.
      pair.other.write('x');
      expect(await pair.blocking.call({ do: 'send', pieces: [[0, 1]], timeout: LONG })).toMatchObject({
        code: 'cancelled',
      });
      expect(await pair.blocking.call({ do: 'receive', pieces: [[0, 1]], timeout: LONG })).toMatchObject({
        code: 'cancelled',
      });
      await pair.close();
    }
  });

  test('notices that the other end is gone while it sends', async () => {
    for (const leave of ['destroy', 'end', 'resetAndDestroy'] as const) {
      if (leave === 'resetAndDestroy' && kind === 'unix') continue;
      const pair = await connectPair(kind);
      const outcome = pair.blocking.call({ do: 'send', pieces: [MUCH], timeout: LONG });
      await sleep(50);
      pair.other[leave]();
      expect(await outcome, leave).toMatchObject({ code: 'peer-closed' });
      await pair.close();
    }
  });

  test('does not begin to send when the other end has ended already', async () => {
    const pair = await connectPair(kind);
    pair.other.end();
    await once(pair.other, 'finish');
    await sleep(50);
    const outcome = await pair.blocking.call({ do: 'send', pieces: [[0, 1]], timeout: LONG });
    expect(outcome).toMatchObject({ code: 'peer-closed' });
    await pair.close();
  });

  test('receives what came before the end, and then the end', async () => {
    const pair = await connectPair(kind);
    pair.other.end(Buffer.from([7, 8, 9]));
    await once(pair.other, 'finish');
    const outcome = await pair.blocking.call({ do: 'receive', pieces: [[0, 2]], timeout: LONG });
    expect(outcome.ok).toEqual({ bytes: 2, first: 7 });
    expect((await pair.blocking.call({ do: 'receive', pieces: [[0, 2]], timeout: LONG })).ok).toEqual({
      bytes: 1,
      first: 9,
    });
    expect((await pair.blocking.call({ do: 'receive', pieces: [[0, 2]], timeout: LONG })).ok).toMatchObject({
      bytes: 0,
    });
    await pair.close();
  });

  test('gives up when nothing moves for as long as was said, and not before', async () => {
    const pair = await connectPair(kind);
    const check = (outcome: Outcome): void => {
      expect(outcome).toMatchObject({ code: 'timeout' });
      expect(outcome.ms).toBeGreaterThanOrEqual(100);
    };
    check(await pair.blocking.call({ do: 'receive', pieces: [[0, 1]], timeout: 100 }));
    check(await pair.blocking.call({ do: 'send', pieces: [MUCH], timeout: 100 }));
    await pair.close();
  });

  test('goes on when the other end is only slow', async () => {
    const pair = await connectPair(kind);
    const outcome = pair.blocking.call({ do: 'send', pieces: [MUCH], timeout: 2000 });
    let count = 0;
    const begun = performance.now();
    for await (const part of pair.other) {
      count += part.length;
      // Longer in all than may pass without a byte.
      if (performance.now() - begun < 2500) await sleep(20);
      if (count === MUCH[1]) break;
    }
    expect(await outcome).toMatchObject({ ok: undefined });
    await pair.close();
  });
});

describe.skipIf(!built)('a blocking socket', () => {
  test('notices that the process at the other end was killed', async () => {
    const child = spawn(
      process.execPath,
      [
        '-e',
        `const server = require('node:net').createServer({ pauseOnConnect: true }, () => {});
         server.listen(0, '127.0.0.1', () => console.log(server.address().port));`,
      ],
      { stdio: ['ignore', 'pipe', 'inherit'] },
    );
    const [line] = await once(child.stdout, 'data');
    const interrupt = socketIo.createInterrupt();
    for (const call of [{ do: 'send', pieces: [MUCH], timeout: LONG }] as const) {
      const end = await blockingEnd({ port: Number(String(line)), host: '127.0.0.1' }, interrupt);
      const outcome = end.call(call);
      await sleep(100);
      child.kill('SIGKILL');
      expect(await outcome).toMatchObject({ code: 'peer-closed' });
      await end.end();
    }
    interrupt.close();
  });

  test('says so when memory to be sent is not there', async () => {
    const { truncateSync } = await import('node:fs');
    const file = sparseFile(4 * MIB);
    const { ram, block, close } = openRam({ kind: 'file', name: 'pc.ram', length: 4 * MIB, file });
    const pair = await connectPair('tcp', ram.descriptor);
    truncateSync(file, PAGE);
    for (const what of ['send', 'receive'] as const) {
      if (what === 'receive') pair.other.write('something');
      const outcome = await pair.blocking.call({ do: what, pieces: [[MIB, PAGE]], timeout: LONG });
      expect(outcome).toMatchObject({
        code: 'io',
        message: expect.stringMatching(/^memory cannot be (read|written)/),
      });
    }
    expect(() => block.intact?.()).toThrow(/became shorter/);
    await pair.close();
    close();
  });

  test('cannot be had of what is none, or with an interrupt that is closed', async () => {
    const interrupt = socketIo.createInterrupt();
    expect(() => socketIo.open(0x7fff, interrupt.id)).toThrow(expect.objectContaining({ code: 'io' }));
    interrupt.close();
    interrupt.close();
    interrupt.fire();
    expect(() => socketIo.open(0, interrupt.id)).toThrow(expect.objectContaining({ code: 'cancelled' }));
  });

  test('outlives its interrupt', async () => {
    const pair = await connectPair('tcp');
    pair.interrupt.close();
    pair.other.write('a');
    expect((await pair.blocking.call({ do: 'receive', pieces: [[0, 1]], timeout: LONG })).ok).toMatchObject({
      bytes: 1,
    });
    const outcome = pair.blocking.call({ do: 'receive', pieces: [[0, 1]], timeout: LONG });
    pair.interrupt.fire();
    expect(await outcome).toMatchObject({ code: 'cancelled' });
    await pair.blocking.call({ do: 'close' });
    await pair.close();
  });
});
