import { createRandom, type Random, testSeed } from '@multifd/testing/random';
import { describe, expect, it } from 'vitest';
import { WireError } from '../../src/errors.js';
import {
  checkCompression,
  checkRamPacket,
  createRamPacket,
  decodeInitPacket,
  RamPacketDecoder,
  ReturnPathDecoder,
  splitDeviceState,
} from '../../src/public/wire.js';
import { decodeMain } from './feed.js';
import { nastyBytes, pick, randomPacket, randomStream } from './model.js';
import { mergeZeroRuns } from './plain.js';
import { twinEncodeInit, twinEncodeMain, twinEncodePacket } from './twin.js';

const seed = testSeed();
const pageSize = 4096;

/** Only the named error may come out: a RangeError or TypeError means that something was not checked. */
function mayThrowWireError(run: () => void): boolean {
  try {
    run();
    return false;
  } catch (error) {
    if (error instanceof WireError) return true;
    throw error;
  }
}

function mutate(random: Random, original: Uint8Array): Uint8Array {
  const bytes = original.slice();
  for (let i = 1 + random.int(4); i > 0; i--) {
    const at = random.int(bytes.length);
    switch (random.int(4)) {
      case 0:
        bytes[at] = random.int(256);
        break;
      case 1:
        bytes[at] ^= 1 << random.int(8);
        break;
      case 2:
        bytes.set(nastyBytes(random, Math.min(8, bytes.length - at)), at);
        break;
      default:
        bytes.copyWithin(at, random.int(bytes.length), random.int(bytes.length));
    }
  }
  return random.int(3) === 0 ? bytes.subarray(0, random.int(bytes.length)) : bytes;
}

function chunksOf(random: Random, bytes: Uint8Array): Uint8Array[] {
  const chunks: Uint8Array[] = [];
  const most = pick(random, [5, 100, 100000]);
  for (let at = 0; at < bytes.length; ) {
    const size = random.int(most);
    chunks.push(bytes.subarray(at, at + size));
    at += size;
  }
  return chunks;
}

describe(`hostile bytes give WireErrors only, MULTIFD_SEED=${seed}`, () => {
  it('main stream, mutated or cut', () => {
    const random = createRandom(seed);
    let refused = 0;
    for (let i = 0; i < 60; i++) {
      const { pieces, records } = randomStream(random, pageSize);
      const bytes = twinEncodeMain(pieces);
      for (let j = 0; j < 25; j++) {
        const bad = mutate(random, bytes);
        const options = { pageSize, maxDeviceState: 2 ** 20 };
        if (mayThrowWireError(() => decodeMain(chunksOf(random, bad), options, true))) refused++;
      }
      expect(decodeMain(chunksOf(random, bytes), { pageSize }, true)).toEqual(mergeZeroRuns(records));
    }
    expect(refused).toBeGreaterThan(100);
  });

  it('main stream, every prefix is refused at its end', () => {
    const random = createRandom(seed + 1);
    for (let i = 0; i < 5; i++) {
      const { pieces } = randomStream(random, pageSize);
      // Bodies that imitate footers could pass for a stream without description: nothing tells them apart.
      for (const piece of pieces) if (piece.kind === 'device') piece.device.body.fill(0x55);
      const bytes = twinEncodeMain(pieces.filter(({ kind }) => kind !== 'page'));
      const eof = twinEncodeMain(pieces.slice(pieces.findIndex(({ kind }) => kind === 'eof'))).length;
      for (let size = 0; size < bytes.length; size++) {
        // Right behind the end of sections the stream may end, though without the description.
        if (size === bytes.length - eof + 1) continue;
        const cut = mayThrowWireError(() => decodeMain([bytes.subarray(0, size)], { pageSize }, true));
        if (!cut) throw new Error(`a stream of ${bytes.length} bytes passes when cut at ${size}`);
      }
    }
  });

  it('main stream, nasty bytes after a good start', () => {
    const random = createRandom(seed + 2);
    for (let i = 0; i < 1000; i++) {
      const bytes = Buffer.concat([
        twinEncodeMain(randomPrefix(random)),
        nastyBytes(random, random.int(300)),
      ]);
      const options = { pageSize, maxDeviceState: 4096 };
      mayThrowWireError(() => decodeMain(chunksOf(random, bytes), options, true));
    }
  });

  it('packets', () => {
    const random = createRandom(seed + 3);
    const decoder = new RamPacketDecoder(pageSize, 'channel 0');
    const packet = createRamPacket(pageSize);
    const block = { name: 'pc.ram', length: 2 ** 30 };
    for (let i = 0; i < 300; i++) {
      const bytes = twinEncodePacket(randomPacket(random, pageSize), pageSize);
      for (let j = 0; j < 20; j++) {
        const bad = mutate(random, random.int(2) === 0 ? bytes : bytes.slice(0, 330));
        mayThrowWireError(() => {
          decoder.decode(bad.length > 1300 ? bad : Buffer.concat([bad, bytes.subarray(bad.length)]), packet);
          checkCompression(packet, [{ name: 'zlib', flag: 2 }], 'channel 0');
          checkRamPacket(packet, block, pageSize, 'channel 0');
        });
      }
      decoder.decode(bytes, packet);
    }
  });

  it('init packets, return path, device state', () => {
    const random = createRandom(seed + 4);
    const init = twinEncodeInit(random.bytes(16), 1);
    const { pieces } = randomStream(random, pageSize);
    const tail = pieces.filter(({ kind }) => ['device', 'eof', 'description'].includes(kind));
    const devices = twinEncodeMain(tail);
    const json = tail.flatMap((piece) => (piece.kind === 'description' ? [piece.json] : [])).join('');
    for (let i = 0; i < 3000; i++) {
      mayThrowWireError(() => decodeInitPacket(mutate(random, init), 'channel'));
      mayThrowWireError(() => new ReturnPathDecoder().push(nastyBytes(random, random.int(40))));
      mayThrowWireError(() => splitDeviceState(mutate(random, devices), json));
      const badJson = Buffer.from(mutate(random, Buffer.from(json))).toString('latin1');
      mayThrowWireError(() => splitDeviceState(devices, badJson));
    }
  });
});

/** A stream up to some place. */
function randomPrefix(random: Random): ReturnType<typeof randomStream>['pieces'] {
  const { pieces } = randomStream(random, pageSize);
  return pieces.filter(({ kind }) => kind !== 'page').slice(0, 1 + random.int(pieces.length));
}
