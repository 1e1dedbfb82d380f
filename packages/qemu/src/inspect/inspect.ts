import { MultifdError } from '@multifd/core';
import {
  type Container,
  locateStream,
  type StreamPlace,
  unpackHint,
  unpackWords,
} from '../container/locate.js';
import { packedError } from '../container/packed.js';
import { unpack } from '../container/unpack.js';
import { countPages } from '../mapped-ram/bitmap.js';
import { type ByteSource, FileSource } from '../stream/byte-source.js';
import {
  type MigrationFile,
  type ReadOptions,
  readMigrationFile,
  type StreamBlock,
  type StreamSection,
} from '../stream/read.js';
import { type DeviceStruct, decodeStruct } from './values.js';

/** A RAM block in a migration file. */
export interface InspectedBlock {
  readonly name: string;
  /** Used length in bytes. */
  readonly length: number;
  /** Pages that are in the file with their content. */
  readonly normalPages: number;
  /** Pages that the file says are zero. mapped-ram does not tell them from absent ones: 0 there. */
  readonly zeroPages: number;
  /** Pages of which nothing is said: zero, unless the destination knows better. */
  readonly absentPages: number;
  /** Guest-physical address, with `x-ignore-shared` only. */
  readonly address?: number;
  /** mapped-ram: byte offset in the file of the first page. */
  readonly pagesOffset?: number;
  /** mapped-ram: byte offset in the file of the bitmap. */
  readonly bitmapOffset?: number;
}

export interface InspectedDevice {
  readonly name: string;
  readonly instanceId: number;
  readonly versionId: number;
  /** Whether its state stands before the end of RAM, as that of virtio-mem. */
  readonly early?: true;
  /** Of an early one: whether it stands before the START section of RAM. */
  readonly beforeRam?: true;
  /** Bytes of its state. */
  readonly size: number;
  /** Its fields by name, decoded as the stream describes itself. */
  readonly state: DeviceStruct;
}

/** All that a migration file says about itself. */
export interface Inspection {
  /** What the stream stands in; absent if it is the file. */
  readonly container?: Container;
  /** Byte offset of the stream in the file, or in what was unpacked from it. */
  readonly streamOffset: number;
  readonly format: 'mapped-ram' | 'stream';
  /** Of the stream; always 3. */
  readonly version: number;
  readonly machineType: string;
  readonly targetPageBits?: number;
  readonly capabilities: readonly string[];
  /** `xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx` */
  readonly uuid?: string;
  /** Bytes. */
  readonly pageSize: number;
  readonly blocks: readonly InspectedBlock[];
  readonly sections: readonly StreamSection[];
  /** Undefined if the file does not describe its devices. */
  readonly devices: readonly InspectedDevice[] | undefined;
  /** The file has a description of its devices that is not JSON. QEMU does not look at it. */
  readonly unreadableDescription?: true;
  /** Bytes of everything behind RAM END, description included. */
  readonly deviceStateSize: number;
  /** Bytes of the file behind the stream, a description that is cut among them. QEMU does not need them. */
  readonly bytesBehind: number;
}

/**
 * Says what is in a migration file that QEMU, or we, wrote: with mapped-ram, or as a single stream. Also in a save image
 * of libvirt, unless it is packed: see `explainFile`.
 * @throws WireError for a file that is cut or is none, naming field and offset; MultifdError `usage` for what is known
 * to be another kind of file, `io`.
 */
export function inspectFile(path: string, options: ReadOptions = {}): Inspection {
  const source = new FileSource(path);
  try {
    const place = locateStream(source, options.offset);
    const { compression } = place;
    if (compression !== undefined) throw packedError(source, place, compression, 'read');
    return inspectAt(source, place, options);
  } finally {
    source.close();
  }
}

/**
 * As `inspectFile`, also for what is packed with gzip or zstd: that is unpacked into a temporary file, at most
 * `MAX_UNPACKED` bytes.
 */
export async function explainFile(path: string, options: ReadOptions = {}): Promise<Inspection> {
  const packed = new FileSource(path);
  const found = place(packed, options.offset);
  const { compression, offset, libvirt } = found;
  if (compression === undefined) return inspectFile(path, options);
  const source = await unpack(path, compression, offset);
  try {
    const inside = locateInside(source, unpackWords(path, compression, offset));
    const image = libvirt ?? inside.libvirt;
    const container = { ...(image === undefined ? {} : { libvirt: image }), compression };
    return { ...inspect(source, { ...options, offset: inside.offset }), container };
  } finally {
    source.close();
  }
}

/**
 * In what was unpacked: a stream, or a save image of libvirt.
 * @param from the words for a shell that unpack it.
 * @throws MultifdError `usage` for anything else that is known, packed once more included.
 */
function locateInside(source: FileSource, from: string): StreamPlace {
  const inside = locateStream(source, undefined, from);
  const { compression, libvirt, offset } = inside;
  if (compression === undefined) return inside;
  const what =
    libvirt === undefined
      ? `a ${compression} file once more`
      : `a save image of libvirt, packed with ${compression}`;
  throw new MultifdError('usage', `${source.name}: ${what}`, {
    hint: unpackHint(source.name, compression, offset, from),
  });
}

function place(source: FileSource, offset: number | undefined): StreamPlace {
  try {
    return locateStream(source, offset);
  } finally {
    source.close();
  }
}

function inspectAt(source: ByteSource, { offset, libvirt }: StreamPlace, options: ReadOptions): Inspection {
  const inspection = inspect(source, { ...options, offset });
  return libvirt === undefined ? inspection : { ...inspection, container: { libvirt } };
}

/** As `inspectFile`, for bytes wherever they are. */
export function inspect(source: ByteSource, options: ReadOptions = {}): Inspection {
  const file = readMigrationFile(source, options);
  const { version, machineType, targetPageBits, capabilities, uuid, pageSize } = file;
  return {
    streamOffset: options.offset ?? 0,
    format: capabilities.includes('mapped-ram') ? 'mapped-ram' : 'stream',
    version,
    machineType,
    ...(targetPageBits === undefined ? {} : { targetPageBits }),
    capabilities,
    ...(uuid === undefined ? {} : { uuid: formatUuid(uuid) }),
    pageSize,
    blocks: file.blocks.map((block) => inspectBlock(source, block, pageSize)),
    sections: file.sections,
    devices: file.vmdesc === undefined || file.vmdesc === '' ? undefined : inspectDevices(file),
    ...(file.unreadableDescription ? { unreadableDescription: true } : {}),
    deviceStateSize: file.deviceState.length,
    bytesBehind: file.bytesBehind,
  };
}

function inspectBlock(source: ByteSource, block: StreamBlock, pageSize: number): InspectedBlock {
  const { name, length, address, mapped } = block;
  const pages = length / pageSize;
  const normalPages =
    mapped === undefined ? block.pages.normal : countPages(source, mapped.bitmapOffset, pages);
  const zeroPages = block.pages.zero;
  return {
    name,
    length,
    normalPages,
    zeroPages,
    absentPages: pages - normalPages - zeroPages,
    ...(address === undefined ? {} : { address }),
    ...(mapped === undefined ? {} : { pagesOffset: mapped.pagesOffset, bitmapOffset: mapped.bitmapOffset }),
  };
}

function inspectDevices({ devices }: MigrationFile): InspectedDevice[] {
  return devices.map(({ idstr, instanceId, versionId, body, description, early, beforeRam }) => ({
    name: idstr,
    instanceId,
    versionId,
    ...(early === undefined ? {} : { early }),
    ...(beforeRam === undefined ? {} : { beforeRam }),
    size: body.length,
    state: description === undefined ? {} : decodeStruct(body, description),
  }));
}

function formatUuid(uuid: Uint8Array): string {
  return Buffer.from(uuid)
    .toString('hex')
    .replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}
