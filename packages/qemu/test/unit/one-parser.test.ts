import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { WireError } from '@multifd/core';
import {
  COMMAND,
  describeDevices,
  EOS_RECORD,
  encodeBlockListHead,
  encodeCommand,
  encodeConfiguration,
  encodeEndOfSections,
  encodeFileHeader,
  encodeFooter,
  encodeListedBlock,
  encodePageRecordHeader,
  encodeSectionPart,
  encodeSectionStart,
  encodeVmDescription,
  encodeZeroRecord,
  FLUSH_RECORD,
  MainStreamDecoder,
} from '@multifd/core/wire';
import { createRandom, type Random, testSeed } from '@multifd/testing/random';
import { describe, expect, it } from 'vitest';
import { MemorySource } from '../../src/stream/byte-source.js';
import { PageStates } from '../../src/stream/page-states.js';
import { readMigrationFile, type StreamSection } from '../../src/stream/read.js';

const PAGE = 4096;

/** What both say of a stream. */
interface Facts {
  readonly machineType: string;
  readonly uuid: string;
  readonly blocks: readonly (readonly [name: string, length: number, normal: number, zero: number])[];
  readonly beforeRam: string;
  readonly earlyState: string;
  readonly deviceState: string;
}

/** What a reader says, or what it refuses. */
type Outcome = Facts | WireError;

function outcomeOf(read: () => Facts): Outcome {
  try {
    return read();
  } catch (error) {
    if (error instanceof WireError) return error;
    throw error;
  }
}

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

/** As a file. */
function fromFile(bytes: Uint8Array): Facts {
  const file = readMigrationFile(new MemorySource(bytes));
  return {
    machineType: file.machineType,
    uuid: hex(file.uuid ?? new Uint8Array(0)),
    blocks: file.blocks.map(({ name, length, pages }) => [name, length, pages.normal, pages.zero]),
    beforeRam: hex(file.beforeRam),
    earlyState: hex(file.earlyState),
    deviceState: hex(file.deviceState),
  };
}

/** As it comes over a connection, in chunks. */
function fromStream(bytes: Uint8Array, random: Random): Facts {
  const decoder = new MainStreamDecoder({ pageSize: PAGE });
  const blocks = new Map<string, { readonly length: number; readonly pages: PageStates }>();
  let [machineType, uuid, beforeRam, earlyState, deviceState] = ['', '', '', '', ''];
  const take = (records: ReturnType<MainStreamDecoder['push']>): void => {
    for (const record of records) {
      if (record.type === 'configuration') {
        machineType = record.machineType;
        uuid = hex(record.uuid ?? new Uint8Array(0));
      } else if (record.type === 'block-list') {
        for (const { name, length } of record.blocks) blocks.set(name, { length, pages: new PageStates() });
      } else if (record.type === 'page') {
        blocks.get(record.blockName)?.pages.set(record.offset / PAGE, 'normal');
      } else if (record.type === 'zero') {
        const { pages } = blocks.get(record.blockName) ?? {};
        for (const offset of record.offsets.subarray(0, record.count)) pages?.set(offset / PAGE, 'zero');
      } else if (record.type === 'early-section') {
        if (record.beforeRam) beforeRam += hex(record.bytes);
        else earlyState += hex(record.bytes);
      } else if (record.type === 'device-state') {
        deviceState = hex(record.bytes);
      }
    }
  };
  for (let at = 0; at < bytes.length; ) {
    const end = at + 1 + random.int(100_000);
    take(decoder.push(bytes.subarray(at, end)));
    at = end;
  }
  take(decoder.end());
  return {
    machineType,
    uuid,
    blocks: [...blocks].map(([name, { length, pages }]) => [name, length, pages.normal, pages.zero]),
    beforeRam,
    earlyState,
    deviceState,
  };
}

function load(name: string): Buffer {
  return gunzipSync(readFileSync(join(import.meta.dirname, 'vectors', `${name}.gz`)));
}

/** The END section of RAM. */
function endOfRam(file: Uint8Array): StreamSection {
  const end = readMigrationFile(new MemorySource(file)).sections.find(({ kind }) => kind === 'end');
  if (end === undefined) throw new Error('no END');
  return end;
}

/** Where it was refused, and why. */
function reasonOf({ fault: { field, offset, expected, got } }: WireError): object {
  // Only a connection ends with RAM: what else may follow is said in other words. A file looks at the section's number, which
  // stands behind its type, before it says that it is one of RAM too many.
  if (expected === 'nothing of RAM behind its END') return { field: 'section type', offset: offset - 1 };
  return field === 'section type' ? { field, offset } : { field, offset, expected, got };
}

/** A file's description is read first, so a file may be refused at a device that a connection reads on behind. */
function knowsDescription({ fault: { field } }: WireError): boolean {
  return field === 'idstr and instance id';
}

/** A connection refuses what this end cannot do, and has to guess where early state ends; a file is only explained. */
function isOfConnections({ code, fault: { field, where } }: WireError): boolean {
  return code === 'incompatible' || field.startsWith('command') || /FULL|early section/.test(where);
}

describe('a file and a connection have one parser', () => {
  it.each(['7.2-pc.stream', '10.0-q35.stream'])('%s, with RAM and what is before it changed', (name) => {
    const seed = testSeed();
    const random = createRandom(seed);
    const original = load(name);
    const end = endOfRam(original);
    const reach = [60, 400, end.offset + end.size] as const;
    const alike = { read: 0, refused: 0 };
    for (let round = 0; round < 400; round++) {
      const bytes = Uint8Array.from(original);
      const within = reach[random.int(reach.length)] ?? 0;
      for (let change = random.int(3); change >= 0; change--) {
        const at = random.int(within);
        bytes[at] = random.int(2) === 0 ? random.int(256) : (bytes[at] ?? 0) ^ (1 << random.int(8));
      }
      const file = outcomeOf(() => fromFile(bytes));
      const stream = outcomeOf(() => fromStream(bytes, random));
      const where = `MULTIFD_SEED=${seed}, round ${round}`;
      if (stream instanceof WireError) {
        if (isOfConnections(stream)) continue;
        if (!(file instanceof WireError))
          throw new Error(`${where}: only the file is read`, { cause: stream });
        if (!knowsDescription(file)) expect(reasonOf(file), where).toEqual(reasonOf(stream));
        alike.refused++;
      } else {
        expect(file, where).toEqual(stream);
        alike.read++;
      }
    }
    expect(alike.read).toBeGreaterThan(20);
    expect(alike.refused).toBeGreaterThan(20);
  });
});

const u64 = (value: number): Buffer => {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64BE(BigInt(value));
  return bytes;
};
const HUGE = 2 ** 21;
const ADVICE = encodeCommand(COMMAND.POSTCOPY_ADVISE, Buffer.concat([u64(HUGE), u64(PAGE)]));

/** A file of two blocks of 4 pages without devices. @param list what stands behind each block's length. */
function fileOf(
  configuration: { readonly capabilities?: readonly string[]; readonly targetPageBits?: number },
  before: Uint8Array,
  list: readonly [Uint8Array, Uint8Array],
  records: readonly Uint8Array[],
): Uint8Array {
  const none = new Uint8Array(0);
  return Buffer.concat([
    encodeFileHeader(),
    encodeConfiguration({ machineType: 'pc', ...configuration }),
    before,
    encodeSectionStart('start', 2, 'ram', 0, 4),
    encodeBlockListHead(8 * PAGE),
    ...['a', 'b'].flatMap((name, index) => [encodeListedBlock(name, 4 * PAGE), list[index] ?? none]),
    EOS_RECORD,
    encodeFooter(2),
    encodeSectionPart('end', 2),
    ...records,
    EOS_RECORD,
    encodeFooter(2),
    encodeEndOfSections(),
    encodeVmDescription(describeDevices([], PAGE)),
  ]);
}

const NONE = new Uint8Array(0);
const RECORDS = [
  encodeZeroRecord(0, 'a'),
  encodeZeroRecord(PAGE, undefined),
  encodePageRecordHeader(2 * PAGE, undefined),
  new Uint8Array(PAGE),
  encodeZeroRecord(3 * PAGE, 'b'),
];
const PAGES = [
  ['a', 4 * PAGE, 1, 2],
  ['b', 4 * PAGE, 0, 1],
];
/** An XBZRLE record of page 1 of block b, CONTINUE. */
const XBZRLE = Buffer.concat([u64(PAGE + 0x40 + 0x20), Buffer.from('010003aabbcc', 'hex')]);

describe('what a file may hold', () => {
  it('page sizes in the block list, behind a command that announces postcopy, as a connection may', () => {
    for (const list of [
      [u64(HUGE), NONE],
      [NONE, u64(HUGE)],
      [u64(HUGE), u64(HUGE)],
    ] as const) {
      const bytes = fileOf({}, ADVICE, list, RECORDS);
      expect(fromFile(bytes)).toMatchObject({ blocks: PAGES });
      expect(fromStream(bytes, createRandom(1))).toEqual(fromFile(bytes));
    }
    expect(() => fromFile(fileOf({}, NONE, [u64(HUGE), NONE], RECORDS))).toThrow(/block name length/);
  });

  it('addresses of blocks, with x-ignore-shared', () => {
    const bytes = fileOf({ capabilities: ['x-ignore-shared'] }, NONE, [u64(0), u64(2 ** 32)], RECORDS);
    expect(readMigrationFile(new MemorySource(bytes)).blocks).toMatchObject([
      { name: 'a', address: 0 },
      { name: 'b', address: 2 ** 32 },
    ]);
    expect(fromFile(bytes).blocks).toEqual(PAGES);
    expect(() => fromStream(bytes, createRandom(1))).toThrow(/turn x-ignore-shared off|capabilities/);
  });

  it('XBZRLE records, whose pages count as sent, and which a connection refuses', () => {
    const bytes = fileOf({}, NONE, [NONE, NONE], [...RECORDS, XBZRLE]);
    expect(fromFile(bytes).blocks).toEqual([PAGES[0], ['b', 4 * PAGE, 1, 1]]);
    expect(() => fromStream(bytes, createRandom(1))).toThrow(/XBZRLE/);
  });

  it('any command, also one that nobody knows', () => {
    const bytes = fileOf({}, encodeCommand(4242, Buffer.from('data')), [NONE, NONE], RECORDS);
    expect(readMigrationFile(new MemorySource(bytes)).sections[0]).toMatchObject({
      kind: 'command',
      name: '4242',
    });
    expect(() => fromStream(bytes, createRandom(1))).toThrow(/a known command/);
  });

  it('pages of another size, if the file says so', () => {
    const bytes = fileOf({ targetPageBits: 14 }, NONE, [NONE, NONE], [encodeZeroRecord(0, 'a')]);
    expect(readMigrationFile(new MemorySource(bytes)).pageSize).toBe(16384);
    expect(fromFile(bytes).blocks).toEqual([
      ['a', 4 * PAGE, 0, 1],
      ['b', 4 * PAGE, 0, 0],
    ]);
    expect(() => fromStream(bytes, createRandom(1))).toThrow(/target page bits/);
  });

  it('no page of mapped-ram outside its place', () => {
    const file = load('10.0-pc.mapped-ram');
    const end = endOfRam(file);
    const at = end.offset + encodeSectionPart('end', 0).length;
    for (const [record, message] of [
      [encodeZeroRecord(0, 'pc.ram'), /no record but EOS with mapped-ram, got zero/],
      [FLUSH_RECORD, /no record but EOS with mapped-ram, got flush/],
      [XBZRLE, /a record that this end can read, got XBZRLE/],
    ] as const) {
      const spoilt = Buffer.concat([file.subarray(0, at), record, file.subarray(at)]);
      expect(() => fromFile(spoilt)).toThrow(message);
    }
  });
});
