import { once } from 'node:events';
import type { Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { type Guest, type MigrationParameters, migrate } from '@multifd/core';
import { testSeed } from '@multifd/testing/random';
import { describe, expect, it } from 'vitest';
import { pongs, serve } from '../support/ends.js';
import { PLAIN } from '../support/fixtures.js';
import { expectFailure, expectValue, inTime, outcomeOf } from '../support/outcome.js';
import { tryToMove } from '../support/pair.js';
import { createGuestRam } from '../support/ram.js';

const PAGES = 32;
/** More than what the kernel and a connection's own buffer take. */
const LARGE = 32 * 2 ** 20;
/** More than what main carries before the device state. */
const BEHIND_RAM = 2 ** 16;

/** Reads so many bytes, and no more than what has come with them. */
async function read(socket: Socket, bytes: number): Promise<void> {
  const before = socket.bytesRead;
  socket.resume();
  while (socket.bytesRead - before < bytes) await delay(10);
  socket.pause();
}

/** A destination that takes both connections and reads of neither until it is told to. */
async function destination() {
  const both = Promise.withResolvers<{ main: Socket; channel: Socket }>();
  const sockets: Socket[] = [];
  const to = await serve(
    (socket) => {
      // A source connects main first.
      sockets.push(socket);
      const [main, channel] = sockets;
      if (main !== undefined && channel === undefined) main.write(pongs(1));
      if (main !== undefined && channel !== undefined) both.resolve({ main, channel });
    },
    { allowHalfOpen: true },
  );
  return { to, connections: inTime(both.promise, 'both connections') };
}

function guestWith(more: Partial<Guest>) {
  const calls: string[] = [];
  const guest: Guest = {
    ram: createGuestRam({
      seed: testSeed(),
      live: true,
      blocks: [{ name: 'pc.ram', length: PAGES * 4096 }],
      fill: (page) => page.fill(1),
    }),
    stop: () => void calls.push('stop'),
    resume: () => void calls.push('resume'),
    ...more,
  };
  return { guest, calls };
}

const trying = (to: string, guest: Guest, parameters: Partial<MigrationParameters>) =>
  outcomeOf(
    migrate({ guest, to, accelerator: PLAIN, parameters: { multifdChannels: 1, ...parameters } }),
    'migrate',
  );

/** Time for the other end's kernel and thread to see what was done to a connection: on one machine, far more than it takes. */
const seen = (): Promise<void> => delay(500);

describe.each([{ returnPath: true }, { returnPath: false }])('return path $returnPath', ({ returnPath }) => {
  it.each(['reset', 'closed'])(
    'a channel that the destination has %s before the hand-over: the guest stays here',
    async (how) => {
      const { to, connections } = await destination();
      const { guest, calls } = guestWith({
        async intact() {
          const { main, channel } = await connections;
          main.resume();
          if (how === 'closed') {
            channel.resume();
            await delay(100);
            channel.end();
          } else channel.resetAndDestroy();
          await seen();
        },
      });
      const parameters = { returnPath, stallTimeout: 10_000 };
      const error = expectFailure(await trying(to, guest, parameters), 'peer-closed', /channel 0/);
      expect(error.guest).toBe('source');
      expect(calls).toEqual(['stop', 'resume']);
    },
  );
});

describe('without a return path, when the guest is handed over and main is still on its way', () => {
  function large() {
    const asked = Promise.withResolvers<void>();
    const body = new Uint8Array(LARGE);
    const guest = guestWith({
      deviceState: (when) =>
        when === 'stopped' ? [{ idstr: 'big', instanceId: 0, versionId: 1, body }] : [],
      intact: () => asked.resolve(),
    });
    // Only the device state is so long, which goes out behind the hand-over; and main cannot end before it is read.
    const handedOver = async (main: Socket) => {
      await inTime(asked.promise, 'the last question');
      await inTime(read(main, BEHIND_RAM), 'the device state');
    };
    return { ...guest, handedOver };
  }

  it('a channel that breaks: pages on it were never read, so this is not the end of a migration', async () => {
    const { to, connections } = await destination();
    const { guest, calls, handedOver } = large();
    const result = trying(to, guest, { returnPath: false, stallTimeout: 20_000 });
    const { main, channel } = await connections;
    await handedOver(main);
    channel.resetAndDestroy();
    await seen();
    main.resume();
    const error = expectFailure(await result, 'peer-closed', /channel 0: the connection broke/);
    expect(error.guest).toBe('either');
    expect(calls).toEqual(['stop', 'resume']);
  });

  it('a channel that is closed when all of it was read', async () => {
    const { to, connections } = await destination();
    const { guest, calls, handedOver } = large();
    const result = trying(to, guest, { returnPath: false, stallTimeout: 20_000 });
    const { main, channel } = await connections;
    channel.resume();
    await handedOver(main);
    channel.end();
    await seen();
    main.resume();
    main.once('end', () => main.end());
    expectValue(await result);
    expect(calls).toEqual(['stop']);
  });

  it('a destination that fails breaks main: a source that has sent everything has not completed', async () => {
    const { guest, calls } = guestWith({});
    const { sent, received } = await tryToMove({
      guest,
      parameters: { returnPath: false, multifdChannels: 1 },
      destination: {
        async commit() {
          // All is sent by then, and all was read.
          await seen();
          throw new Error('the disk is full');
        },
      },
    });
    expectFailure(received, 'guest', /the disk is full/);
    expect(expectFailure(sent, 'peer-closed', /main stream: the connection broke/).guest).toBe('either');
    expect(calls).toEqual(['stop', 'resume']);
  });

  it('a destination that only ends main has all, whenever that is', async () => {
    const { to, connections } = await destination();
    const { guest, calls } = guestWith({});
    const result = trying(to, guest, { returnPath: false, stallTimeout: 20_000 });
    const { main, channel } = await connections;
    for (const socket of [main, channel]) socket.resume();
    await once(main, 'end');
    await seen();
    expect(calls).toEqual(['stop']);
    main.end();
    expectValue(await result);
    expect(calls).toEqual(['stop']);
  });
});
