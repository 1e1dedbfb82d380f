import { describe, expect, it } from 'vitest';
import { WireError } from '../../src/errors.js';
import {
  checkInitPacket,
  checkRamPacket,
  checkZeroRuns,
  createRamPacket,
  decodeInitPacket,
  encodeInitPacket,
  encodeRamPacket,
  packetHeaderSize,
  RamPacketDecoder,
  ReturnPathDecoder,
} from '../../src/public/wire.js';
import { decodeMain, shifted } from './feed.js';
import { toBytes, toHex } from './notation.js';
import { plainPacket } from './plain-packet.js';
import { isObject, loadVectors, type Vector } from './vector-file.js';

function expectFault(run: () => unknown, vector: Vector): void {
  const error = caught(run);
  if (!(error instanceof WireError)) throw new Error(`expected a WireError, got ${String(error)}`);
  expect({ field: error.fault.field, code: error.code }).toEqual({
    field: vector.field,
    code: vector.code ?? 'protocol',
  });
  if (vector.got !== undefined) expect(error.fault.got).toContain(vector.got);
  if (error.code === 'incompatible') expect(error.hint).toBeTruthy();
}

function caught(run: () => unknown): unknown {
  try {
    run();
  } catch (error) {
    return error;
  }
  return undefined;
}

function numberOf(vector: Vector, key: string, otherwise: number): number {
  const value = vector[key];
  return typeof value === 'number' ? value : otherwise;
}

describe('init packet', () => {
  const { valid, degenerate, mustFail } = loadVectors('init-packet');
  const decode = (bytes: Uint8Array) => {
    const { uuid, channel } = decodeInitPacket(bytes, 'channel ?');
    return { uuid: toHex(uuid), channel };
  };
  it.each([...valid, ...degenerate])('decodes: $name', ({ bytes, packet }) => {
    expect(decode(bytes)).toEqual(packet);
    expect(decode(shifted(bytes, 5))).toEqual(packet);
  });
  it.each(valid)('encodes: $name', ({ bytes }) => {
    expect(toHex(encodeInitPacket(decodeInitPacket(bytes, 'channel ?')))).toBe(toHex(bytes));
  });
  it.each(mustFail)('refuses: $name', (vector) => {
    expectFault(() => {
      const packet = decodeInitPacket(vector.bytes, 'channel ?');
      if (!isObject(vector.expect)) return;
      const uuid = toBytes(String(vector.expect.uuid));
      checkInitPacket(packet, { uuid, channels: Number(vector.expect.channels) }, 'channel ?');
    }, vector);
  });
});

describe('RAM packet', () => {
  const { valid, degenerate, mustFail } = loadVectors('ram-packet');
  it.each([...valid, ...degenerate])('decodes: $name', (vector) => {
    const pageSize = numberOf(vector, 'pageSize', 4096);
    const packet = createRamPacket(pageSize);
    const decoder = new RamPacketDecoder(pageSize, 'channel 0');
    for (const bytes of [vector.bytes, vector.bytes, shifted(vector.bytes, 3)]) {
      decoder.decode(bytes, packet);
      expect(plainPacket(packet)).toEqual(vector.packet);
    }
  });
  it.each(valid)('encodes over old bytes: $name', (vector) => {
    const pageSize = numberOf(vector, 'pageSize', 4096);
    const packet = createRamPacket(pageSize);
    packet.offsets.fill(12345);
    new RamPacketDecoder(pageSize, 'channel 0').decode(vector.bytes, packet);
    const target = shifted(new Uint8Array(packetHeaderSize(pageSize)).fill(0xee), 7);
    encodeRamPacket(packet, target, pageSize);
    expect(toHex(target)).toBe(toHex(vector.bytes));
  });
  it.each(mustFail)('refuses: $name', (vector) => {
    const pageSize = numberOf(vector, 'pageSize', 4096);
    expectFault(() => {
      const packet = createRamPacket(pageSize);
      new RamPacketDecoder(pageSize, 'channel 0').decode(vector.bytes, packet);
      const length = numberOf(vector, 'length', 2 ** 53);
      const check = packet.zeroRuns > 0 ? checkZeroRuns : checkRamPacket;
      check(packet, { name: packet.blockName, length }, pageSize, 'channel 0');
    }, vector);
  });
});

describe('return path', () => {
  const { valid, degenerate, mustFail } = loadVectors('return-path');
  const decode = (chunks: readonly Uint8Array[]) => {
    const decoder = new ReturnPathDecoder();
    const messages = chunks.flatMap((chunk) => decoder.push(chunk));
    decoder.end();
    return messages.map((message) =>
      message.type === 'report' || message.type === 'reason'
        ? { ...message, data: toHex(message.data) }
        : { ...message },
    );
  };
  it.each([...valid, ...degenerate])('decodes: $name', ({ bytes, messages }) => {
    expect(decode([bytes])).toEqual(messages);
    const splits = Math.min(bytes.length, 100);
    for (let at = 0; at <= splits; at++) {
      const [head, tail] = [shifted(bytes.subarray(0, at), 1), bytes.subarray(at)];
      expect(decode([head, new Uint8Array(0), tail])).toEqual(messages);
    }
    if (bytes.length < 100)
      expect(decode(Array.from(bytes, (byte) => Uint8Array.of(byte)))).toEqual(messages);
  });
  it.each(mustFail)('refuses: $name', (vector) => {
    expectFault(() => decode([vector.bytes]), vector);
    expectFault(() => decode(Array.from(vector.bytes, (byte) => Uint8Array.of(byte))), vector);
  });
});

describe('main stream', () => {
  const { valid, degenerate, mustFail } = loadVectors('main-stream');
  const options = (vector: Vector) => ({
    pageSize: numberOf(vector, 'pageSize', 4096),
    maxBlocks: numberOf(vector, 'maxBlocks', 1024),
    maxEarlyState: numberOf(vector, 'maxEarlyState', 2 ** 20),
    maxDeviceState: numberOf(vector, 'maxDeviceState', 2 ** 20),
  });
  const decode = (vector: Vector, chunks: readonly Uint8Array[]) =>
    decodeMain(chunks, options(vector), vector.eof === true);

  it.each(valid)('is complete without EOF, and ignores it: $name', (vector) => {
    expect(decodeMain([vector.bytes], options(vector), false)).toEqual(vector.records);
    expect(decodeMain([vector.bytes], options(vector), true)).toEqual(vector.records);
  });

  it.each([...valid, ...degenerate])('is the same in any chunks: $name', (vector) => {
    const { bytes } = vector;
    const whole = JSON.stringify(decode(vector, [bytes]));
    expect(JSON.parse(whole)).toEqual(vector.records);
    const nothing = new Uint8Array(0);
    for (let at = 0; at <= bytes.length; at++) {
      const chunks = [nothing, bytes.subarray(0, at), nothing, shifted(bytes.subarray(at), 1 + (at % 7))];
      if (JSON.stringify(decode(vector, chunks)) !== whole) throw new Error(`differs when split at ${at}`);
    }
    for (const size of [1, 2, 3, 5, 8, 9, 64, 1000]) {
      if (JSON.stringify(decode(vector, slices(bytes, size))) !== whole)
        throw new Error(`differs by ${size}`);
    }
  });

  it.each(mustFail)('refuses, in any chunks: $name', (vector) => {
    for (const size of [vector.bytes.length || 1, 1, 7]) {
      expectFault(() => decode(vector, slices(vector.bytes, size)), vector);
    }
  });
});

function slices(bytes: Uint8Array, size: number): Uint8Array[] {
  const chunks: Uint8Array[] = [];
  for (let at = 0; at < bytes.length; at += size) chunks.push(shifted(bytes.subarray(at, at + size), at % 5));
  return chunks;
}
