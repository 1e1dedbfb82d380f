import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { NonBlockingSocket, Readiness } from '@multifd/core/host';
import { describe, expect, onTestFinished, test } from 'vitest';
import { socketIo } from '../src/index.js';
import { built } from './support/addon.js';
import { listen } from './support/ends.js';

const io = socketIo.nonBlocking;
/** More than a connection takes that nobody reads. */
const MUCH = new Uint8Array(64 << 20);

interface Line {
  /** This end, which the host package uses. */
  readonly here: NonBlockingSocket;
  /** Node's socket of it. */
  readonly socket: Socket;
  /** The other end, paused. */
  readonly there: Socket;
  readonly interrupt: number;
  fire(): void;
}

function fdOf(socket: Socket): number {
  const handle: unknown = Reflect.get(socket, '_handle');
  const fd: unknown = typeof handle === 'object' && handle !== null ? Reflect.get(handle, 'fd') : undefined;
  if (typeof fd !== 'number') throw new Error('no descriptor');
  return fd;
}

async function line(kind: 'tcp' | 'unix'): Promise<Line> {
  const { server, to } = await listen(kind);
  const connected = once(server, 'connection');
  const socket = connect(to).pause();
  const [there]: Socket[] = await connected;
  if (there === undefined) throw new Error('no connection');
  if (socket.connecting) await once(socket, 'connect');
  for (const each of [socket, there]) each.on('error', () => {});
  const interrupt = socketIo.createInterrupt();
  const here = nonBlocking().open(fdOf(socket), interrupt.id);
  onTestFinished(() => {
    here.close();
    interrupt.close();
    socket.destroy();
    there.destroy();
    server.close();
  });
  return { here, socket, there, interrupt: interrupt.id, fire: () => interrupt.fire() };
}

function nonBlocking(): NonNullable<typeof io> {
  if (io === undefined) throw new Error('host-linux has no nonBlocking');
  return io;
}

function wait(each: Line, sends: boolean, timeout: number): readonly Readiness[] {
  return nonBlocking().waitAny([{ socket: each.here, sends }], each.interrupt, timeout);
}

describe.skipIf(!built).each(['tcp', 'unix'] as const)('a socket that never waits: %s', (kind) => {
  test('receives what has come, and says when nothing has', async () => {
    const end = await line(kind);
    const targets = [new Uint8Array(2), new Uint8Array(0), new Uint8Array(5)];
    expect(end.here.tryReceive(targets)).toBeUndefined();
    expect(wait(end, false, 0)).toEqual(['waits']);
    end.there.write('abcd');
    expect(wait(end, false, 10_000)).toEqual(['ready']);
    expect(end.here.tryReceive(targets)).toBe(4);
    expect(Buffer.concat(targets).toString()).toBe('abcd\0\0\0');
    await new Promise<void>((resolve) => end.there.end(resolve));
    expect(wait(end, false, 10_000)).toEqual(['ready']);
    expect(end.here.tryReceive(targets)).toBe(0);
  });

  test('sends what the kernel takes, and says when it has no room', async () => {
    const end = await line(kind);
    let sent = end.here.trySend([MUCH]);
    expect(sent).toBeGreaterThan(0);
    // A kernel that still makes room takes a little more.
    for (let more = sent; more > 0; sent += more) more = end.here.trySend([MUCH]);
    expect(wait(end, true, 0)).toEqual(['waits']);
    end.there.resume();
    while (wait(end, true, 0)[0] !== 'ready') await sleep(1);
    expect(end.here.trySend([MUCH.subarray(0, 10)])).toBe(10);
  });

  test('says which of several can go on', async () => {
    const ends = [await line(kind), await line(kind), await line(kind)];
    ends[1]?.there.write('x');
    const interrupt = ends[0]?.interrupt ?? 0;
    const asked = ends.map(({ here }) => ({ socket: here, sends: false }));
    expect(nonBlocking().waitAny(asked, interrupt, Number.POSITIVE_INFINITY)).toEqual([
      'waits',
      'ready',
      'waits',
    ]);
    // All of them can send.
    const sending = ends.map(({ here }) => ({ socket: here, sends: true }));
    expect(nonBlocking().waitAny(sending, interrupt, 0)).toEqual(['ready', 'ready', 'ready']);
  });

  test('an other end that is gone ends a wait: who sends is told, who receives finds the end', async () => {
    const end = await line(kind);
    end.there.destroy();
    await once(end.there, 'close');
    expect(wait(end, true, 10_000)).toEqual(['gone']);
    expect(wait(end, false, 10_000)).toEqual(['ready']);
    expect(end.here.tryReceive([new Uint8Array(1)])).toBe(0);
    const send = (): void => {
      for (let tries = 0; tries < 100; tries++) end.here.trySend([new Uint8Array(1)]);
    };
    expect(send).toThrow(expect.objectContaining({ code: 'peer-closed' }));
  });

  test('is over once the interrupt has fired', async () => {
    const end = await line(kind);
    end.there.write('x');
    end.fire();
    const cancelled = expect.objectContaining({ code: 'cancelled' });
    expect(() => wait(end, false, Number.POSITIVE_INFINITY)).toThrow(cancelled);
    expect(() => end.here.tryReceive([new Uint8Array(1)])).toThrow(cancelled);
    expect(() => end.here.trySend([new Uint8Array(1)])).toThrow(cancelled);
  });

  test('refuses what cannot be', async () => {
    const end = await line(kind);
    const stranger: NonBlockingSocket = { trySend: () => 0, tryReceive: () => 0, close() {} };
    expect(() => nonBlocking().waitAny([{ socket: stranger, sends: true }], end.interrupt, 0)).toThrow(
      expect.objectContaining({ code: 'usage' }),
    );
    expect(() => end.here.tryReceive([])).toThrow(expect.objectContaining({ code: 'internal' }));
    expect(() => wait(end, true, -1)).toThrow(expect.objectContaining({ code: 'usage' }));
    end.here.close();
    end.here.close();
    expect(() => end.here.trySend([new Uint8Array(1)])).toThrow(/was closed/);
  });
});
