import {
  COMMAND,
  EOS_RECORD,
  encodeCommand,
  encodeDeviceSection,
  encodeFileHeader,
  encodeFooter,
  encodeSectionPart,
  encodeSectionStart,
  encodeVmDescription,
  FLUSH_RECORD,
} from '@multifd/core/wire';
import type { Random } from '@multifd/testing/random';
import { NASTY_NAMES, NASTY_U32, NASTY_U64, patched, pick, pstr, u16, u32, u64 } from './bytes.ts';
import { hostileDescription } from './description.ts';
import { anyPing, BLOCKS, PAGE, RAM_ID } from './main-stream.ts';

type Variant = (random: Random) => Uint8Array;
const concat = (...parts: readonly Uint8Array[]): Uint8Array => Buffer.concat(parts);
const times = (count: number, part: (index: number) => Uint8Array): Uint8Array =>
  Buffer.concat(Array.from({ length: count }, (_, index) => part(index)));
const name: Variant = (random) => pick(random, NASTY_NAMES);
const n32: Variant = (random) => u32(pick(random, NASTY_U32));
const n64: Variant = (random) => u64(pick(random, NASTY_U64));

const subsection = (title: Uint8Array, version: Uint8Array, ...body: readonly Uint8Array[]): Uint8Array =>
  concat(Buffer.of(5), pstr(title), version, ...body);
const configured = (...subsections: readonly Uint8Array[]): Uint8Array =>
  concat(u32(4), Buffer.from('none'), ...subsections);
const CAPABILITIES = Buffer.from('configuration/capabilities');
const PAGE_BITS = Buffer.from('configuration/target-page-bits');

const block = (title: Uint8Array, length: Uint8Array): Uint8Array => concat(pstr(title), length);
const total = (sum: bigint): Uint8Array => u64(BigInt.asUintN(64, sum) | 4n);
const RAM = Buffer.from(BLOCKS[0].name);
/** A record's word: an offset, and flags. */
const word = (offset: bigint, flags: number): Uint8Array => u64(BigInt.asUintN(64, offset) | BigInt(flags));

/** By the name of a production: what stands in its place in a hostile stream, or beside it. */
export const HOSTILE_MAIN: Readonly<Record<string, readonly Variant[]>> = {
  header: [
    (random) => patched(encodeFileHeader(), 4, n32(random)),
    (random) => patched(encodeFileHeader(), 8, random.bytes(1)),
    () => concat(encodeFileHeader(), encodeFileHeader()),
  ],
  configuration: [
    (random) => concat(n32(random), name(random)),
    (random) => {
      const title = name(random);
      return concat(u32(title.length), title);
    },
    (random) => configured(subsection(PAGE_BITS, u32(1), n32(random))),
    (random) => configured(subsection(CAPABILITIES, u32(1), n32(random), pstr(Buffer.from('mapped-ram')))),
    (random) => configured(subsection(CAPABILITIES, u32(1), u32(1), pstr(name(random)))),
    () =>
      configured(
        subsection(
          CAPABILITIES,
          u32(1),
          u32(5000),
          times(5000, () => pstr(Buffer.from('x'))),
        ),
      ),
    (random) => configured(subsection(name(random), n32(random), random.bytes(random.int(20)))),
    () => configured(times(3000, () => subsection(PAGE_BITS, u32(1), u32(12)))),
    (random) =>
      configured(subsection(Buffer.from('configuration/uuid'), u32(1), random.bytes(random.int(16)))),
  ],
  command: [
    anyPing,
    (random) => times(5000, () => anyPing(random)),
    (random) => encodeCommand(random.int(16), random.bytes(random.int(20))),
    (random) => concat(Buffer.of(8), u16(random.int(13)), u16(pick(random, [0, 1, 3, 5, 0xffff]))),
    () => times(100, () => encodeCommand(COMMAND.OPEN_RETURN_PATH)),
    (random) => concat(encodeCommand(COMMAND.PACKAGED, n32(random)), encodeFileHeader()),
    (random) => encodeCommand(COMMAND.POSTCOPY_ADVISE, concat(n64(random), n64(random))),
  ],
  start: [
    (random) => concat(Buffer.of(1), n32(random), pstr(name(random)), n32(random), n32(random)),
    (random) => patched(encodeSectionStart('start', RAM_ID, 'ram', 0, 4), 9, n32(random)),
    (random) => encodeSectionStart('full', random.int(9), 'ram', 0, 4),
    () => concat(encodeSectionStart('start', 9, 'dirty-bitmap', 0, 1), Buffer.of(1), encodeFooter(9)),
    () => concat(encodeSectionStart('full', 9, 'virtio-mem', 0, 1), Buffer.alloc(300_000, 0x7e)),
  ],
  'block list': [
    (random) => concat(total(pick(random, NASTY_U64)), block(RAM, n64(random))),
    (random) => {
      const length = pick(random, NASTY_U64);
      return concat(total(length), block(RAM, u64(length)));
    },
    (random) => concat(total(BigInt(PAGE)), block(name(random), u64(BigInt(PAGE)))),
    (random) =>
      concat(
        total(3n * BigInt(PAGE)),
        ...[RAM, name(random), name(random)].map((title) => block(title, u64(BigInt(PAGE)))),
      ),
    () => concat(total(2n * BigInt(PAGE)), block(RAM, u64(BigInt(PAGE))), block(RAM, u64(BigInt(PAGE)))),
    // Sums that come to what was announced only if they overflow.
    () =>
      concat(
        total(BigInt(PAGE)),
        block(RAM, u64(2n ** 63n)),
        block(Buffer.from('b'), u64(2n ** 63n + 4096n)),
      ),
    () =>
      concat(
        total(1500n * BigInt(PAGE)),
        times(1500, (index) => block(Buffer.from(`block ${index}`), u64(BigInt(PAGE)))),
      ),
    () =>
      concat(
        total(1000n * BigInt(PAGE)),
        times(1000, (index) => block(Buffer.from(`${index}${'x'.repeat(250)}`), u64(BigInt(PAGE)))),
      ),
    () => concat(total(2n ** 41n), block(RAM, u64(2n ** 41n))),
    () => total(0n),
  ],
  records: [
    (random) => concat(word(pick(random, NASTY_U64) & ~4095n, random.int(4096)), pstr(RAM), random.bytes(20)),
    (random) => concat(word(0n, 2), pstr(name(random)), Buffer.of(0)),
    () => concat(word(0n, 2), pstr(RAM), Buffer.of(7)),
    (random) => concat(word(BigInt(random.int(1000)) * 4096n, 0x22), Buffer.of(0)),
    (random) => concat(word(0n, 8), pstr(RAM), random.bytes(random.int(PAGE))),
    (random) => concat(word(0n, 0x40), pstr(RAM), Buffer.of(1), u16(0xffff), random.bytes(50)),
    () => word(0n, 0x80),
    () => concat(word(0n, 0x100), pstr(RAM), u32(0xffff_ffff)),
    () => times(2000, () => FLUSH_RECORD),
    () => times(2000, () => EOS_RECORD),
    () =>
      concat(
        word(0n, 2),
        pstr(RAM),
        Buffer.of(0),
        times(20_000, (index) => concat(word(BigInt(index % 64) << 12n, 0x22), Buffer.of(0))),
      ),
    (random) => concat(word(0n, 4), pstr(RAM), n64(random)),
  ],
  'end of section': [
    (random) => concat(EOS_RECORD, Buffer.of(0x7e), n32(random)),
    () => EOS_RECORD,
    () => times(1000, () => concat(encodeSectionPart('part', RAM_ID), EOS_RECORD, encodeFooter(RAM_ID))),
  ],
  part: [
    (random) => concat(Buffer.of(2), n32(random)),
    (random) => concat(Buffer.of(random.int(256)), u32(RAM_ID)),
  ],
  end: [
    (random) => concat(Buffer.of(3), n32(random)),
    () =>
      concat(
        encodeSectionPart('end', RAM_ID),
        EOS_RECORD,
        encodeFooter(RAM_ID),
        encodeSectionPart('end', RAM_ID),
      ),
  ],
  device: [
    (random) =>
      concat(Buffer.of(4), n32(random), pstr(name(random)), n32(random), n32(random), encodeFooter(7)),
    (random) =>
      encodeDeviceSection(RAM_ID, { idstr: 'ram', instanceId: 0, versionId: 4, body: random.bytes(9) }),
    () =>
      times(3000, (index) =>
        encodeDeviceSection(index, {
          idstr: 'timer',
          instanceId: index,
          versionId: 1,
          body: new Uint8Array(3),
        }),
      ),
    // Bytes that look like the end of a stream, everywhere.
    () =>
      times(40_000, (index) =>
        concat(Buffer.of(0x7e), u32(7), Buffer.of(0, 6), u32((40_000 - index - 1) * 11)),
      ),
    () => Buffer.alloc(2 ** 20, 4),
    () =>
      encodeDeviceSection(7, {
        idstr: 'multifd/report',
        instanceId: 0,
        versionId: 1,
        body: Uint8Array.of(1),
      }),
  ],
  'end of sections': [(random) => random.bytes(1), () => Buffer.alloc(100_000)],
  description: [
    (random) => encodeVmDescription(hostileDescription(random)),
    (random) => encodeVmDescription(hostileDescription(random)),
    (random) => encodeVmDescription(hostileDescription(random)),
    (random) => concat(Buffer.of(6), n32(random), Buffer.from('{"devices":[]}')),
    () => concat(Buffer.of(6), u32(4), Buffer.of(0xff, 0xfe, 0, 0x7b)),
    (random) => concat(encodeVmDescription('{"devices":[]}'), random.bytes(random.int(5000))),
  ],
};
