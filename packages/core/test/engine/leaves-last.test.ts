import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { closeAfterTest, destination } from '../support/ends.js';
import { expectFailure, outcomeOf } from '../support/outcome.js';
import { MIB } from '../support/ram.js';
import { raw } from '../support/raw-source.js';

const BLOCK = { name: 'pc.ram', length: 4 * MIB };
const ZLIB = 1 << 1;
/** How a connection of the source's ended, in order. */
type Ended = 'main ended' | 'a channel broke';

/** A connection whose own direction stays open when the other end has closed its: QEMU's channels read nothing. */
async function open(address: string): Promise<Socket> {
  const port = Number(address.slice(address.lastIndexOf(':') + 1));
  const socket = connect({ host: '127.0.0.1', port, allowHalfOpen: true });
  closeAfterTest({ close: () => void socket.destroy() });
  socket.resume();
  await once(socket, 'connect');
  return socket;
}

it('a destination that fails tells the source on main, and reads its channels until the source closes them', async () => {
  const { incoming, active } = await destination({ parameters: { multifdChannels: 2 } });
  const ended: Ended[] = [];
  const main = await open(incoming.address);
  const channels = [await open(incoming.address), await open(incoming.address)];
  main.on('end', () => ended.push('main ended'));
  for (const [index, channel] of channels.entries()) {
    channel.on('error', () => ended.push('a channel broke'));
    channel.write(raw.init(index));
    channel.write(raw.sync(index));
  }
  main.write(Buffer.concat([raw.header(), raw.returnPath(), raw.start([BLOCK])]));
  await active();

  const page = (flags: number): Uint8Array => raw.packet({ block: 'pc.ram', normal: [0], flags });
  channels[1]?.write(page(ZLIB));
  // What a source does that has not heard of it yet: it goes on.
  while (!main.readableEnded) {
    for (const channel of channels) channel.write(page(0));
    await delay(5);
  }
  expect(ended).toEqual(['main ended']);
  for (const channel of channels) channel.destroy();
  main.destroy();
  const error = expectFailure(await outcomeOf(incoming.result, 'receive'), 'incompatible');
  expect(error.message).toMatch(/channel 1, packet 1: compression flags/);
});
