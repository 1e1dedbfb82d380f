import { createRandom, testSeed } from '@multifd/testing/random';
import { describe, expect, it } from 'vitest';
import {
  createRamPacket,
  decodeInitPacket,
  encodeInitPacket,
  encodeRamPacket,
  packetHeaderSize,
  RamPacketDecoder,
} from '../../src/public/wire.js';
import { encodeWithSrc } from './encode-with-src.js';
import { decodeMain, shifted } from './feed.js';
import { pick, randomPacket, randomStream } from './model.js';
import { toHex } from './notation.js';
import { mergeZeroRuns } from './plain.js';
import { plainPacket } from './plain-packet.js';
import {
  twinDecodeInit,
  twinDecodePacket,
  twinEncodeInit,
  twinEncodeMain,
  twinEncodePacket,
} from './twin.js';

const seed = testSeed();

describe(`against the twin, MULTIFD_SEED=${seed}`, () => {
  it('init packets', () => {
    const random = createRandom(seed);
    for (let i = 0; i < 200; i++) {
      const packet = { uuid: random.bytes(16), channel: random.int(255) };
      const bytes = encodeInitPacket(packet);
      expect(toHex(bytes)).toBe(toHex(twinEncodeInit(packet.uuid, packet.channel)));
      expect(twinDecodeInit(bytes)).toEqual(packet);
      expect(decodeInitPacket(bytes, 'channel')).toEqual(packet);
    }
  });

  it.each([4096, 8192, 16384, 65536])('RAM packets of %i byte pages, one decoder for all', (pageSize) => {
    const random = createRandom(seed + pageSize);
    const decoder = new RamPacketDecoder(pageSize, 'channel 0');
    const packet = createRamPacket(pageSize);
    const target = shifted(new Uint8Array(packetHeaderSize(pageSize)), 5);
    for (let i = 0; i < 300; i++) {
      const model = randomPacket(random, pageSize);
      const unused = random.int(2) === 0 ? 0n : 0xffff_ffff_ffff_fff0n;
      decoder.decode(shifted(twinEncodePacket(model, pageSize, unused), random.int(8)), packet);
      expect(plainPacket(packet)).toEqual(model);
      encodeRamPacket(packet, target, pageSize);
      expect(twinDecodePacket(target)).toEqual(model);
      expect(toHex(target)).toBe(toHex(twinEncodePacket(model, pageSize)));
    }
  });

  it.each([4096, 16384, 65536])('main streams of %i byte pages', (pageSize) => {
    const random = createRandom(seed ^ pageSize);
    for (let i = 0; i < (pageSize === 65536 ? 15 : 60); i++) {
      const { pieces, records } = randomStream(random, pageSize);
      const bytes = twinEncodeMain(pieces);
      expect(encodeWithSrc(pieces)).toEqual(bytes);
      const chunks: Uint8Array[] = [];
      const most = pick(random, [3, 30, 1000, 100000]);
      for (let at = 0; at < bytes.length; ) {
        const size = 1 + random.int(most);
        chunks.push(shifted(bytes.subarray(at, at + size), random.int(9)));
        at += size;
      }
      expect(decodeMain(chunks, { pageSize }, false)).toEqual(mergeZeroRuns(records));
    }
  });
});
