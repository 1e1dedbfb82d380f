import {
  COMMAND,
  EOS_RECORD,
  encodeBlockList,
  encodeCommand,
  encodeConfiguration,
  encodeDeviceSection,
  encodeEndOfSections,
  encodeFileHeader,
  encodeFooter,
  encodePageRecordHeader,
  encodeSectionPart,
  encodeSectionStart,
  encodeVmDescription,
  encodeZeroRecord,
  FLUSH_RECORD,
} from '@multifd/core/wire';
import type { Random } from '@multifd/testing/random';
import { type Piece, pick, u32 } from './bytes.ts';

export const PAGE = 4096;
export const BLOCKS = [
  { name: 'pc.ram', length: 64 * PAGE },
  { name: '/rom@etc/acpi/tables', length: 4 * PAGE },
] as const;
export const RAM_ID = 3;
const DEVICE_ID = 7;

export interface MainOptions {
  /** Connections carry FLUSH records; a file of `exec:` none, and all its pages. */
  readonly channels: boolean;
  /** Whether the source waits for an answer. */
  readonly returnPath: boolean;
}

/** Values of PINGs: QEMU's, ours (docs/wire.md, 14), and what is neither. */
const PINGS = [
  0, 1, 4, 0x4d46_0001, 0x4d46_0002, 0x4d46_0003, 0x4d46_0004, 0x4d46_0005, 0x4d46_0006, 0x4d46_0104,
  0x4d46_ffff, 0x4d47_0000, 0x4d47_0001, 0x4d47_0002, 0x4d47_00ff, 0x4d47_0100, 0x4d47_ffff, 0xffff_ffff,
] as const;

export function ping(value: number): Uint8Array {
  return encodeCommand(COMMAND.PING, u32(value));
}

export function anyPing(random: Random): Uint8Array {
  return ping(pick(random, PINGS));
}

/** A main stream that a destination takes (docs/wire.md, 2, 3 and 7). */
export function validMain(random: Random, { channels, returnPath }: MainOptions): Piece[] {
  const sync = channels ? FLUSH_RECORD : new Uint8Array(0);
  const pieces: Piece[] = [
    { what: 'header', bytes: encodeFileHeader() },
    { what: 'configuration', bytes: encodeConfiguration({ machineType: 'none' }) },
  ];
  if (returnPath) {
    pieces.push(
      { what: 'command', bytes: encodeCommand(COMMAND.OPEN_RETURN_PATH) },
      { what: 'command', bytes: ping(1) },
    );
  }
  pieces.push(
    { what: 'start', bytes: encodeSectionStart('start', RAM_ID, 'ram', 0, 4) },
    { what: 'block list', bytes: encodeBlockList(BLOCKS) },
    { what: 'records', bytes: sync },
    endOfSection(RAM_ID),
  );
  const rounds = random.int(3);
  for (let round = 0; round < rounds; round++) {
    pieces.push(
      { what: 'part', bytes: encodeSectionPart('part', RAM_ID) },
      { what: 'records', bytes: Buffer.concat([records(random), sync]) },
      endOfSection(RAM_ID),
    );
  }
  pieces.push(
    { what: 'end', bytes: encodeSectionPart('end', RAM_ID) },
    { what: 'records', bytes: sync },
    endOfSection(RAM_ID),
    ...validTail(random),
  );
  return pieces;
}

/** Devices, the end of sections and the description. */
export function validTail(random: Random): Piece[] {
  const body = random.bytes(3);
  return [
    {
      what: 'device',
      bytes: encodeDeviceSection(DEVICE_ID, { idstr: 'timer', instanceId: 0, versionId: 1, body }),
    },
    { what: 'end of sections', bytes: encodeEndOfSections() },
    {
      what: 'description',
      bytes: encodeVmDescription(
        '{"configuration":{},"page_size":4096,"devices":[{"name":"timer","instance_id":0,"size":3}]}',
      ),
    },
  ];
}

export function endOfSection(id: number): Piece {
  return { what: 'end of section', bytes: Buffer.concat([EOS_RECORD, encodeFooter(id)]) };
}

function records(random: Random): Uint8Array {
  const name = BLOCKS[0].name;
  const zeros = Array.from({ length: random.int(4) }, () => encodeZeroRecord(random.int(64) * PAGE, name));
  const page = Buffer.concat([
    encodePageRecordHeader(random.int(64) * PAGE, name),
    new Uint8Array(PAGE).fill(random.int(256)),
  ]);
  return Buffer.concat([...zeros, page]);
}
