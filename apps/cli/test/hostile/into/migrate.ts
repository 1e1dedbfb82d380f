import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';
import { allocateGuestRam, migrate } from '@multifd/core';
import type { Random } from '@multifd/testing/random';
import { faultOf } from '../rules.ts';
import type { Ending } from './receive.ts';

const MAGIC = Buffer.from('QEVM');
const DESCRIPTION = Buffer.from('"page_size"');

/** Listens, lets everybody connect, and says `answer` on main: at once, or its last part when everything was sent. */
export async function hostileDestination(random: Random, answer: Uint8Array) {
  const sockets = new Set<Socket>();
  const early = random.int(3) === 0 ? answer.length : Math.floor(random.next() * answer.length);
  const reads = random.int(8) !== 0;
  const closes = random.int(2) === 0;
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    let seen = Buffer.alloc(0);
    let said = false;
    socket.on('data', (bytes: Buffer) => {
      if (seen.length < 2 ** 20) seen = Buffer.concat([seen, bytes]);
      if (!seen.subarray(0, 4).equals(MAGIC)) {
        // A destination that stops reading a channel.
        if (!reads) socket.pause();
        return;
      }
      if (!said) {
        said = true;
        socket.write(answer.subarray(0, early));
      }
      if (!seen.includes(DESCRIPTION)) return;
      seen = Buffer.from(MAGIC);
      socket.write(answer.subarray(early));
      if (closes) socket.end();
    });
    socket.on('end', () => socket.end());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const bound = server.address();
  const port = bound !== null && typeof bound === 'object' ? bound.port : 0;
  return {
    address: `tcp:127.0.0.1:${port}`,
    close(): void {
      for (const socket of sockets) socket.destroy();
      server.close();
    },
  };
}

/** A source, with a guest of 1 MiB, comes to a hostile destination. */
export async function migrateTo(random: Random, channels: number, answer: Uint8Array): Promise<Ending> {
  const destination = await hostileDestination(random, answer);
  const ram = allocateGuestRam([{ name: 'pc.ram', length: 2 ** 20 }]);
  try {
    await migrate({
      to: destination.address,
      guest: { ram },
      requestReport: random.int(2) === 0,
      parameters: {
        multifdChannels: channels,
        zeroPageDetection: 'none',
        setupTimeout: 1500,
        stallTimeout: 1500,
        completionTimeout: 4000,
      },
    });
    return { end: 'completed', faults: [] };
  } catch (error) {
    const fault = faultOf(error);
    const code: unknown = error instanceof Error ? Reflect.get(error, 'code') : undefined;
    return { end: `refused: ${String(code)}`, faults: fault === undefined ? [] : [fault] };
  } finally {
    destination.close();
  }
}
