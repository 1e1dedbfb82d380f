import type { Socket } from 'node:net';
import { migrate, openRamBlockSync, receive } from '@multifd/core';
import { describe, expect, it } from 'vitest';
import {
  COMMAND,
  createRamPacket,
  encodeCommand,
  encodePong,
  encodeRamPacket,
  FLAG_ZERO_RUNS,
  INIT_PACKET_SIZE,
  packetHeaderSize,
  RamPacketDecoder,
} from '../../src/public/wire.js';
import { PING_HAS_ZERO_RUNS, PONG_TAKES_ZERO_RUNS } from '../../src/wire/return-path.js';
import { pongs, rawSource, relayTo, serve } from '../support/ends.js';
import { PLAIN } from '../support/fixtures.js';
import { expectFailure, outcomeOf } from '../support/outcome.js';
import { move } from '../support/pair.js';
import { createGuestRam, FILLS, MIB, windowOf } from '../support/ram.js';
import { raw } from '../support/raw-source.js';

const PAGE = 4096;
const parameters = { multifdChannels: 1, setupTimeout: 20_000, stallTimeout: 20_000 };
const PONG = Buffer.from(encodePong(PING_HAS_ZERO_RUNS));
const TAKEN = Buffer.from(encodePong(PONG_TAKES_ZERO_RUNS));

function bytesOf(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}
const PING = encodeCommand(COMMAND.PING, bytesOf(PING_HAS_ZERO_RUNS));
const QEMU_PING = encodeCommand(COMMAND.PING, bytesOf(1));

/** A packet of runs, pairs of byte offset and length. */
function runs(pairs: readonly (readonly [number, number])[], number: number): Uint8Array {
  const packet = createRamPacket(PAGE);
  packet.flags = FLAG_ZERO_RUNS;
  packet.pagesAllocated = 128;
  packet.zeroRuns = pairs.length;
  packet.packetNumber = number;
  packet.blockName = 'pc.ram';
  packet.offsets.set(pairs.flat());
  const header = new Uint8Array(packetHeaderSize(PAGE));
  encodeRamPacket(packet, header, PAGE);
  return header;
}

/** Main, and one channel with `packets`, from a source that says that it has runs. Gives what it hears on main. */
async function send(address: string, packets: readonly Uint8Array[]): Promise<() => Buffer> {
  const source = rawSource(address);
  const heard: Buffer[] = [];
  const main = await source.open(
    raw.header(),
    raw.returnPath(),
    PING,
    raw.start([{ name: 'pc.ram', length: 8 * MIB }]),
    raw.part('end'),
    raw.end(),
  );
  main.on('data', (bytes: Buffer) => heard.push(bytes));
  main.once('end', () => main.end());
  const last = raw.sync(packets.length + 1);
  await source.open(raw.init(0), raw.sync(0), ...packets, last);
  return () => Buffer.concat(heard);
}

describe('a destination', () => {
  it('says that it takes runs, and makes them zero', async () => {
    const incoming = await receive({ listen: 'tcp:127.0.0.1:0', parameters });
    const filled = { block: 'pc.ram', normal: [0, PAGE, 2 * PAGE, 3 * PAGE], fill: 7, number: 1 };
    const pairs = [
      [PAGE, 2 * PAGE],
      [4 * MIB, 4 * MIB],
    ] as const;
    const heard = await send(incoming.address, [raw.packet(filled), runs(pairs, 2)]);
    const { ram, statistics } = await incoming.result;
    const [descriptor] = ram.blocks;
    if (descriptor === undefined) throw new Error('no block');
    const block = openRamBlockSync(descriptor);
    const page = (index: number): number => windowOf(block, index * PAGE, 1)[0] ?? -1;
    expect([0, 1, 2, 3, 4].map(page)).toEqual([7, 0, 0, 7, 0]);
    expect(statistics.normal).toBe(4);
    expect(statistics.zeroPages).toBe(2 + 1024);
    expect(heard().subarray(0, PONG.length + TAKEN.length)).toEqual(Buffer.concat([TAKEN, PONG]));
  });

  it.each([
    { what: 'past the end', pair: [8 * MIB - PAGE, 2 * PAGE] },
    { what: 'longer than may be', pair: [0, 4 * MIB + PAGE] },
    { what: 'of half a page', pair: [0, 2048] },
  ] as const)('refuses a run $what', async ({ pair }) => {
    const incoming = await receive({ listen: 'tcp:127.0.0.1:0', parameters });
    await send(incoming.address, [runs([pair], 1)]);
    expectFailure(await outcomeOf(incoming.result, 'receive'), 'protocol', /zero run\[0\]/);
  });
});

describe('a relay', () => {
  it('offers no runs, and refuses them', async () => {
    const last = await receive({ listen: 'tcp:127.0.0.1:0', parameters });
    const incoming = await relayTo(last.address, parameters);
    const heard = await send(incoming.address, [runs([[0, PAGE]], 1)]);
    expectFailure(await outcomeOf(incoming.result, 'relay'), 'protocol', /flags.*no zero runs/);
    expect(heard().includes(PONG)).toBe(true);
    expect(heard().includes(TAKEN)).toBe(false);
    expectFailure(await outcomeOf(last.result, 'receive'), 'peer-closed');
  });
});

/** What a source sent to a destination that answers the last PING with `answer` and says nothing else. */
interface Recorded {
  readonly main: Buffer;
  readonly channel: Buffer;
}

/** Migrates 8 MiB of zero pages, one of which is not zero, to a destination that cannot finish. */
async function record(answer: Buffer, options: { readonly wire?: 'multifd' | 'qemu' }): Promise<Recorded> {
  const connections: { socket: Socket; bytes: Buffer }[] = [];
  let answered = false;
  const ended = Promise.withResolvers<void>();
  const to = await serve((socket) => {
    const connection = { socket, bytes: Buffer.alloc(0) };
    connections.push(connection);
    socket.on('data', (bytes: Buffer) => {
      connection.bytes = Buffer.concat([connection.bytes, bytes]);
      const isMain = connection.bytes.subarray(0, 4).toString('latin1') === 'QEVM';
      if (isMain && !answered && [PING, QEMU_PING].some((ping) => connection.bytes.includes(ping))) {
        answered = true;
        socket.write(answer);
      }
      // An end of sections and a description follow all RAM.
      if (isMain && connection.bytes.includes('"page_size"')) ended.resolve();
    });
  });
  const ram = createGuestRam({
    seed: 1,
    fill: (page, index) => page.fill(index === 700 ? 7 : 0),
    blocks: [{ name: 'pc.ram', length: 8 * MIB }],
  });
  const cancel = new AbortController();
  const sent = outcomeOf(
    migrate({
      to,
      accelerator: PLAIN,
      signal: cancel.signal,
      parameters: { ...parameters, ...options },
      guest: { ram },
    }),
    'migrate',
  );
  await ended.promise;
  cancel.abort();
  for (const { socket } of connections) socket.destroy();
  expectFailure(await sent, ['cancelled', 'peer-closed']);
  const main = connections.find(({ bytes }) => bytes.subarray(0, 4).toString('latin1') === 'QEVM');
  const channel = connections.find((each) => each !== main);
  return { main: main?.bytes ?? Buffer.alloc(0), channel: channel?.bytes ?? Buffer.alloc(0) };
}

/** Packets of a channel's bytes: how many have runs, and the zero pages of each kind. */
function count(channel: Buffer): { runs: number; runPages: number; zeroPages: number; normal: number } {
  const total = { runs: 0, runPages: 0, zeroPages: 0, normal: 0 };
  const decoder = new RamPacketDecoder(PAGE, 'channel 0');
  const packet = createRamPacket(PAGE);
  const size = packetHeaderSize(PAGE);
  for (let at = INIT_PACKET_SIZE; at + size <= channel.length; ) {
    decoder.decode(channel.subarray(at, at + size), packet);
    total.normal += packet.normalPages;
    total.zeroPages += packet.zeroPages;
    total.runs += packet.zeroRuns;
    for (let run = 0; run < packet.zeroRuns; run++)
      total.runPages += (packet.offsets[2 * run + 1] ?? 0) / PAGE;
    at += size + packet.payloadSize;
  }
  return total;
}

describe('a source', () => {
  it('sends runs to a destination that takes them', async () => {
    const { channel } = await record(Buffer.concat([TAKEN, pongs(1)]), {});
    // The page that is not zero splits the first 4 MiB.
    expect(count(channel)).toEqual({ runs: 3, runPages: 2047, zeroPages: 0, normal: 1 });
  });

  it('sends pages to one that answers as a QEMU does', async () => {
    const { channel } = await record(pongs(1), {});
    expect(count(channel)).toEqual({ runs: 0, runPages: 0, zeroPages: 2047, normal: 1 });
  });

  it("says nothing of its own with wire 'qemu', and sends pages", async () => {
    const { main, channel } = await record(Buffer.concat([TAKEN, pongs(1)]), { wire: 'qemu' });
    expect(main.includes(QEMU_PING)).toBe(true);
    expect(main.includes(Buffer.from([0x4d, 0x46, 0]))).toBe(false);
    expect(count(channel)).toEqual({ runs: 0, runPages: 0, zeroPages: 2047, normal: 1 });
  });

  it('moves all content either way, and counts alike', async () => {
    for (const wire of ['multifd', 'qemu'] as const) {
      const ram = createGuestRam({
        seed: 5,
        fill: FILLS.checkerboard,
        blocks: [{ name: 'a', length: 6 * MIB }],
      });
      const { sent, received } = await move({ guest: { ram }, source: { parameters: { wire } } });
      expect(sent.statistics.zeroPages).toBe(768);
      expect(received.statistics.zeroPages).toBe(768);
    }
  });
});
