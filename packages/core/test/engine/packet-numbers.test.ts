import { expect, it } from 'vitest';
import { destination } from '../support/ends.js';
import { expectFailure, expectValue, outcomeOf } from '../support/outcome.js';
import { MIB } from '../support/ram.js';
import { raw } from '../support/raw-source.js';

const BLOCK = { name: 'pc.ram', length: MIB };

/**
 * All packets of a channel: their numbers, and `p` for one with a page, `s` for a SYNC packet, `ps` for one that is
 * both, `e` for an empty one. Main has two syncs.
 */
type Packets = string;

/** What two channels send (docs/wire.md, 4.3). */
const GOOD: Readonly<Record<string, readonly [Packets, Packets]>> = {
  'one count': ['0s 2p 4s', '1s 3p 5s'],
  'SYNC packets in any order, as from QEMU 9 on': ['1s 4p 5s', '0s 2p 3s'],
  'all pages on one channel': ['0s 2s', '1s 3p 4p 5s'],
  'no pages': ['1s 2s', '0s 3s'],
  'a surplus SYNC, as of 9.2, and its number': ['0s 2p 4s 6s', '1s 3p 5s 7s'],
  // QEMU up to 8.2: a SYNC takes a packet with pages that waits, and gives it its own number. 3 never comes.
  'a renumbered packet': ['0s 2p 4s', '1s 5ps 5e'],
  'two renumbered packets': ['0s 4ps 4e', '1s 5ps 5e'],
  'a renumbered packet whose empty one has become the next SYNC': ['0s 3ps', '1s 4s'],
  'packets without a number': ['0s 0p 0s', '0s 0p 0p 0s'],
};

const BAD: Readonly<Record<string, readonly [Packets, Packets]>> = {
  'a number twice': ['0s 2p 4s', '1s 2p 5s'],
  'a number twice, and SYNC packets too': ['0s 2p 3s', '0s 2p 3s'],
  'a number missing': ['0s 2p 5s', '1s 3p 6s'],
  'the first number missing': ['1s 3p 5s', '2s 4p 6s'],
  'as many as there should be, of two sources': ['0s 2p 3p 6s', '1s 4p 8s'],
  'sums that are right, of two sources': ['0s 2p 5p 8s', '1s 2p 6p 7s'],
  'numbers of another epoch': ['0s 6p 8s', '1s 7p 9s'],
  'numbers on one channel only, behind the first': ['0s 2p 3s', '1s 0p 0s'],
  'a renumbered packet, and two numbers missing': ['0s 2p 5s', '1s 6ps 6e'],
  'a renumbered packet, and a number twice': ['0s 2p 5s', '1s 2p 6ps 6e'],
  'a renumbered packet, and SYNC packets in the wrong order': ['0s 2p 5s', '1s 4ps 4e'],
  'two renumbered packets, and one number too many': ['0s 2p 6ps 6e', '1s 7ps 7e'],
};

function channelOf(channel: number, packets: Packets): Uint8Array {
  const parts = packets.split(' ').map((packet) => {
    const [, number, kind = ''] = /^(\d+)(\w+)$/.exec(packet) ?? [];
    const page = kind.includes('p') ? { block: BLOCK.name, normal: [0] } : {};
    return raw.packet({ ...page, sync: kind.includes('s'), number: Number(number) });
  });
  return Buffer.concat([raw.init(channel), ...parts]);
}

async function receiveFrom(channels: readonly Packets[]) {
  const { incoming, source } = await destination({ parameters: { multifdChannels: channels.length } });
  const main = await source.open(raw.header(), raw.returnPath(), raw.start([BLOCK]));
  for (const [channel, packets] of channels.entries()) await source.open(channelOf(channel, packets));
  main.on('data', () => main.end());
  main.write(Buffer.concat([raw.part('end'), raw.end()]));
  return outcomeOf(incoming.result, 'receive');
}

it.each(Object.entries(GOOD))('is taken for one source: %s', async (_what, channels) => {
  expectValue(await receiveFrom(channels));
});

it.each(Object.entries(BAD))('is taken for channels of two sources: %s', async (_what, channels) => {
  const error = expectFailure(await receiveFrom(channels), 'protocol', /channels of two sources were mixed/);
  expect(error.guest).toBe('source');
});
