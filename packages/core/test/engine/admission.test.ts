import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { afterEach, describe, expect, it } from 'vitest';
import { Admission } from '../../src/engine/destination/admission.js';
import { type Handover, takeOver } from '../../src/transport/handover.js';
import { Listener } from '../../src/transport/listener.js';
import { inTime } from '../support/outcome.js';
import { raw } from '../support/raw-source.js';

const closing: (() => void)[] = [];
afterEach(() => {
  for (const close of closing.splice(0)) close();
});

interface Handed {
  readonly channel: number | undefined;
  readonly connection: Handover;
  readonly head: Uint8Array;
}

async function open(byDescriptor: boolean) {
  const handed: Handed[] = [];
  const complete = Promise.withResolvers<void>();
  const refusals: string[] = [];
  const admission = new Admission(
    { channels: 1, pageSize: 4096, uuid: new Uint8Array(16), machineType: undefined },
    30_000,
    {
      refused: (_peer, reason) => refusals.push(reason),
      introduced: () => {},
      withdrawn: () => {},
      failed: (error) => complete.reject(error),
      handOver: (channel, connection, _peer, head) => void handed.push({ channel, connection, head }),
      complete: () => complete.resolve(),
    },
    byDescriptor,
  );
  const listener = await Listener.open({ kind: 'tcp', host: '127.0.0.1', port: 0 }, (accepted) =>
    admission.connected(accepted),
  );
  admission.open();
  const { address } = listener;
  const port = address.kind === 'tcp' ? address.port : 0;
  closing.push(() => {
    void admission.close(undefined);
    listener.close();
  });
  const client = async (): Promise<Socket> => {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true });
    socket.on('error', () => {});
    closing.push(() => socket.destroy());
    await once(socket, 'connect');
    return socket;
  };
  return { handed, refusals, client, complete: complete.promise };
}

/** All that a socket still gives. */
async function rest(socket: Duplex): Promise<Buffer> {
  const chunks: Buffer[] = [];
  socket.on('data', (chunk: Buffer) => chunks.push(chunk));
  socket.resume();
  await once(socket, 'end');
  socket.destroy();
  return Buffer.concat(chunks);
}

const block = { name: 'pc.ram', length: 2 ** 20 };

describe.each([
  { way: 'by descriptors', byDescriptor: true },
  { way: "by Node's streams", byDescriptor: false },
])('$way', ({ byDescriptor }) => {
  it.each([7, 5000, 1_000_000])('gives every byte once, in pieces of %i', async (size) => {
    const { handed, client, complete, refusals } = await open(byDescriptor);
    const more = Buffer.from(Array.from({ length: 60_000 }, (_, index) => index % 251));
    const streams = [
      Buffer.concat([raw.header(), raw.start([block]), more]),
      Buffer.concat([raw.init(0), raw.sync(), more, more]),
    ];
    await client();
    (await client()).write('GET / HTTP/1.0\r\n\r\n');
    const sending = streams.map(async (bytes) => {
      const socket = await client();
      for (let at = 0; at < bytes.length; at += size) {
        socket.write(bytes.subarray(at, at + size));
        if (at < 1000) await new Promise((resolve) => setTimeout(resolve, 2));
      }
      socket.end();
    });
    await inTime(complete, 'the admission');
    const [main, channel] = handed;
    if (main === undefined || channel === undefined) throw new Error('nothing was handed over');
    expect([main.channel, channel.channel]).toEqual([undefined, 0]);
    const whole = await inTime(
      Promise.all(
        [main, channel].map(async ({ head, connection }) => [
          Buffer.from(head),
          await rest(await takeOver(connection)),
        ]),
      ),
      'the rest',
    );
    await Promise.all(sending);
    expect(whole.map((parts) => Buffer.concat(parts).equals(streams[whole.indexOf(parts)] ?? more))).toEqual([
      true,
      true,
    ]);
    expect(refusals.join()).toContain('an HTTP request');
  });
});
