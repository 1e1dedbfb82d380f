import { describe, expect, it } from 'vitest';
import { MultifdError, WireError } from '../../src/errors.js';
import {
  checkCompression,
  classify,
  createRamPacket,
  encodeBlockList,
  encodeCommand,
  encodeConfiguration,
  encodeInitPacket,
  encodePong,
  encodeRamPacket,
  encodeReport,
  encodeReturnPathMessage,
  encodeSectionStart,
  encodeShut,
  encodeZeroRecord,
  isPageSize,
  maxPagesPerPacket,
  packetHeaderSize,
  peekFlags,
  REPORT_SECTION,
  RETURN_PATH,
  writeZeroRecords,
} from '../../src/public/wire.js';
import { toBytes, toHex } from './notation.js';

describe('layout', () => {
  it.each([
    [4096, 128, 1344],
    [8192, 64, 832],
    [16384, 32, 576],
    [32768, 16, 448],
    [65536, 8, 384],
  ])('pages of %i bytes: %i in a packet, header of %i bytes', (pageSize, pages, size) => {
    expect(isPageSize(pageSize)).toBe(true);
    expect(maxPagesPerPacket(pageSize)).toBe(pages);
    expect(packetHeaderSize(pageSize)).toBe(size);
    expect(createRamPacket(pageSize).offsets.length).toBe(pages);
  });
});

describe('first bytes', () => {
  it.each([
    ['"QEVM"', 'main'],
    ['11223344', 'channel'],
    ['44332211', 'foreign'],
    ['"GET "', 'foreign'],
    ['"QEV"', 'foreign'],
    ['', 'foreign'],
    ['"QEVM" 00000003', 'main'],
  ])('%s: %s', (notation, kind) => {
    expect(classify(toBytes(notation))).toBe(kind);
  });
});

describe('return path', () => {
  it('writes the messages', () => {
    expect(toHex(encodeShut(0))).toBe('0001000400000000');
    expect(toHex(encodePong(0xdeadbeef))).toBe('00020004deadbeef');
    expect(toHex(encodeReport(toBytes('"{}"')))).toBe('4d4600027b7d');
    expect(toHex(encodeReturnPathMessage(RETURN_PATH.SWITCHOVER_ACK, new Uint8Array(0)))).toBe('00070000');
    expect(encodeReport(new Uint8Array(65535)).length).toBe(65539);
    expect(() => encodeReport(new Uint8Array(65536))).toThrow(MultifdError);
    expect(REPORT_SECTION).toBe('multifd/report');
  });
});

describe('packet flags', () => {
  const NONE = { name: 'none', flag: 0 };
  const ZLIB = { name: 'zlib', flag: 2 };
  const ZSTD = { name: 'zstd', flag: 4 };
  const prefix = '11223344 00000001';
  it('are seen in the first 12 bytes', () => {
    expect(peekFlags(toBytes(`${prefix} 00000001`), 'channel 1')).toBe(1);
    expect(() => peekFlags(toBytes(`${prefix} 00000040`), 'channel 1')).toThrow(/device-state packet/);
    expect(() => peekFlags(toBytes(`${prefix} 000000`), 'channel 1')).toThrow(WireError);
  });

  it('name both methods when they differ', () => {
    const packet = { ...createRamPacket(4096), flags: 4, zeroPages: 1 };
    expect(() => checkCompression(packet, [ZLIB], 'channel 1')).toThrow(
      /channel 1: .*expected zlib .*which this end uses, got zstd .*which the peer uses/,
    );
    expect(checkCompression(packet, [NONE, ZSTD], 'channel 1')).toBe(ZSTD);
    expect(checkCompression({ ...packet, flags: 0xc5 }, [ZSTD], 'channel 1')).toBe(ZSTD);
    expect(() => checkCompression({ ...packet, flags: 0x3e }, [NONE], 'channel 1')).toThrow(
      /a method that is not QEMU's \(0x3e\)/,
    );
  });
});

describe('zero records', () => {
  it('are the same one by one and in a row', () => {
    const offsets = Float64Array.of(0, 0x1000, 0xffff_f000, 0x1_0000_0000, 0x1f_ffff_ffff_f000, 77);
    const target = new Uint8Array(60).fill(0xee);
    const end = writeZeroRecords(target, 7, offsets, 5);
    expect(end).toBe(7 + 45);
    const single = Array.from(offsets.subarray(0, 5), (offset) => toHex(encodeZeroRecord(offset, undefined)));
    expect(toHex(target)).toBe(`${'ee'.repeat(7)}${single.join('')}${'ee'.repeat(8)}`);
  });
  it('must fit', () => {
    expect(() => writeZeroRecords(new Uint8Array(17), 0, new Float64Array(2), 2)).toThrow(MultifdError);
    expect(() => writeZeroRecords(new Uint8Array(18), 1, new Float64Array(2), 2)).toThrow(MultifdError);
    expect(() => writeZeroRecords(new Uint8Array(99), 0, new Float64Array(2), 3)).toThrow(MultifdError);
  });
});

describe('what does not fit its field is refused', () => {
  const uuid = new Uint8Array(16);
  const packet = { ...createRamPacket(4096), pagesAllocated: 128, normalPages: 1, blockName: 'pc.ram' };
  const header = new Uint8Array(1344);
  const long = 'x'.repeat(256);
  const cases: [string, () => unknown][] = [
    ['uuid size', () => encodeInitPacket({ uuid: new Uint8Array(15), channel: 0 })],
    ['channel 255', () => encodeInitPacket({ uuid, channel: 255 })],
    ['channel -1', () => encodeInitPacket({ uuid, channel: -1 })],
    ['machine type empty', () => encodeConfiguration({ machineType: '' })],
    ['page bits', () => encodeConfiguration({ machineType: 'a', targetPageBits: 11 })],
    ['configuration uuid', () => encodeConfiguration({ machineType: 'a', uuid: new Uint8Array(4) })],
    ['section name', () => encodeSectionStart('full', 1, long, 0, 1)],
    ['block length', () => encodeBlockList([{ name: 'a', length: 100 }])],
    ['block length 0', () => encodeBlockList([{ name: 'a', length: 0 }])],
    ['block length NaN', () => encodeBlockList([{ name: 'a', length: Number.NaN }])],
    ['block name', () => encodeBlockList([{ name: 'a\0', length: 4096 }])],
    ['block twice', () => encodeBlockList(['a', 'a'].map((name) => ({ name, length: 4096 })))],
    ['command data', () => encodeCommand(2, new Uint8Array(65536))],
    ['packet room', () => encodeRamPacket(packet, new Uint8Array(1343), 4096)],
    ['packet counts', () => encodeRamPacket({ ...packet, zeroPages: 128 }, header, 4096)],
    ['packet allocated', () => encodeRamPacket({ ...packet, pagesAllocated: 129 }, header, 4096)],
    ['packet name empty', () => encodeRamPacket({ ...packet, blockName: '' }, header, 4096)],
    ['packet name long', () => encodeRamPacket({ ...packet, blockName: long }, header, 4096)],
    [
      'packet name long in UTF-8',
      () => encodeRamPacket({ ...packet, blockName: 'ä'.repeat(128) }, header, 4096),
    ],
    ['packet name with NUL', () => encodeRamPacket({ ...packet, blockName: 'a\0b' }, header, 4096)],
    ['page size', () => createRamPacket(4000)],
  ];
  it.each(cases)('%s', (_, run) => {
    expect(run).toThrow(MultifdError);
  });
});
