import { encodeRamPacket, RamPacketDecoder } from '../src/public/wire.js';
import { maxPagesPerPacket, packetHeaderSize } from '../src/wire/layout.js';
import { checkRamPacket, createRamPacket, type RamPacket } from '../src/wire/ram-packet.js';
import type { Contender, Group } from './measure.js';

const PAGE = 4096;
const COUNT = maxPagesPerPacket(PAGE);
const HEADER = packetHeaderSize(PAGE);
/** Packets of one run: their headers and offsets stay in the cache, as the headers of one write do. */
const PACKETS = 64;
const PASSES = 200;
const BLOCK = { name: 'pc.ram', length: 8 * 2 ** 30 };
/** Where the offsets begin: beyond 4 GiB, so that both halves of each number count. */
const BASE = 6 * 2 ** 30;

function packetsOf(normalPages: number): RamPacket[] {
  return Array.from({ length: PACKETS }, (_, number) => {
    const packet = createRamPacket(PAGE);
    packet.pagesAllocated = COUNT;
    packet.normalPages = normalPages;
    packet.zeroPages = COUNT - normalPages;
    packet.payloadSize = normalPages * PAGE;
    packet.packetNumber = number;
    packet.blockName = BLOCK.name;
    for (let i = 0; i < COUNT; i++) packet.offsets[i] = BASE + (number * COUNT + i) * PAGE;
    return packet;
  });
}

function contendersOf(kind: string, normalPages: number): Contender[] {
  const packets = packetsOf(normalPages);
  const headers = packets.map(() => new Uint8Array(HEADER));
  const encode = (): void => {
    for (let i = 0; i < PACKETS; i++) encodeRamPacket(packets[i], headers[i], PAGE);
  };
  encode();
  const decoder = new RamPacketDecoder(PAGE, 'bench');
  const target = createRamPacket(PAGE);
  const decode = (): void => {
    for (let i = 0; i < PACKETS; i++) {
      decoder.decode(headers[i], target);
      checkRamPacket(target, BLOCK, PAGE, 'bench');
    }
  };
  const size = { pages: PACKETS * COUNT, packets: PACKETS, passes: PASSES };
  return [
    { name: `encode, ${kind}`, ...size, run: encode },
    { name: `decode and check, ${kind}`, ...size, run: decode },
  ];
}

export function packetHeaders(): Group {
  return {
    name: 'packet headers',
    contenders: [
      ...contendersOf(`${COUNT} normal`, COUNT),
      ...contendersOf(`${COUNT} zero`, 0),
      ...contendersOf(`${COUNT / 2} normal, ${COUNT / 2} zero`, COUNT / 2),
    ],
  };
}
