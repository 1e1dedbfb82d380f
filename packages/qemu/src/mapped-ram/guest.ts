import {
  type DeviceSection,
  type FileBlockDescriptor,
  type GuestRamDescriptor,
  MultifdError,
  type RawDeviceState,
  type StreamConfiguration,
} from '@multifd/core';
import { SECTION } from '@multifd/core/wire';
import { locateStream } from '../container/locate.js';
import { packedError, SPARSE } from '../container/packed.js';
import { type ByteSource, FileSource } from '../stream/byte-source.js';
import { type MigrationFile, type ReadOptions, readMigrationFile, type StreamBlock } from '../stream/read.js';
import { pageRuns } from './bitmap.js';

/** OPEN_RETURN_PATH, PING, POSTCOPY_ADVISE and SWITCHOVER_START (docs/wire.md, 2.4). */
const LEFT_OUT: ReadonlySet<string> = new Set(['1', '2', '3', '11']);

/** A guest that lies in a mapped-ram file, ready to be given to core's `migrate`. */
export interface MappedRamGuest {
  readonly machineType: string;
  readonly uuid: Uint8Array | undefined;
  /** What the file's configuration says besides: a destination is to get it too. */
  readonly configuration: StreamConfiguration;
  /** Pages that are not in the file are absent: they are not read. */
  readonly ram: GuestRamDescriptor & { readonly blocks: readonly FileBlockDescriptor[] };
  /**
   * As core's `ReceiveResult` has it: undefined if there is device state that the file does not describe. Then nothing
   * tells its devices apart: send `rawDeviceState`.
   */
  readonly deviceState: readonly DeviceSection[] | undefined;
  /** The device parts of the stream as they stand in the file, and its description: what a destination is to get. */
  readonly rawDeviceState: RawDeviceState & { readonly vmdesc: string | undefined };
  /** There is a description that is not JSON: it is in `rawDeviceState` as it is. */
  readonly unreadableDescription?: true;
  /** Bytes of the file behind the stream: they are not the guest's, and QEMU does not need them either. */
  readonly bytesBehind: number;
}

/**
 * Opens a migration file that QEMU, or `MappedRamWriter`, wrote with mapped-ram, also at an offset, or in libvirt's
 * `sparse` save image. The file must stay as it is while its guest is in use.
 * @throws WireError for a file that is cut or is none; MultifdError `usage` for what is known to be another kind of file; `incompatible` for one without mapped-ram or with
 * more; `io`.
 */
export function openMappedRam(path: string, options: ReadOptions = {}): MappedRamGuest {
  const source = new FileSource(path);
  try {
    const place = locateStream(source, options.offset);
    const { offset, compression, libvirt } = place;
    if (compression !== undefined) throw packedError(source, place, compression, 'send');
    const file = readMigrationFile(source, { ...options, offset });
    checkCapabilities(file, path, libvirt !== undefined);
    checkCommands(file, path);
    return {
      machineType: file.machineType,
      uuid: file.uuid,
      configuration: {
        ...(file.targetPageBits === undefined ? {} : { targetPageBits: file.targetPageBits }),
        ...(file.uuid === undefined ? {} : { uuid: file.uuid }),
      },
      ram: {
        pageSize: file.pageSize,
        blocks: file.blocks.map((block) => describeBlock(source, block, file.pageSize)),
      },
      deviceState: devicesOf(file),
      rawDeviceState: {
        beforeRam: file.beforeRam,
        early: file.earlyState,
        bytes: file.deviceState,
        vmdesc: file.vmdesc,
      },
      ...(file.unreadableDescription ? { unreadableDescription: true } : {}),
      bytesBehind: file.bytesBehind,
    };
  } finally {
    source.close();
  }
}

/** As core's `ReceiveResult.deviceState`. */
export function devicesOf({
  devices,
  beforeRam,
  earlyState,
  deviceState,
}: MigrationFile): DeviceSection[] | undefined {
  const isEmpty = beforeRam.length === 0 && earlyState.length === 0 && deviceState[0] === SECTION.EOF;
  if (devices.length === 0 && !isEmpty) return undefined;
  return devices.map(({ idstr, instanceId, versionId, body, early, beforeRam: isBefore }) => ({
    idstr,
    instanceId,
    versionId,
    body,
    ...(early === undefined ? {} : { early }),
    ...(isBefore === undefined ? {} : { beforeRam: isBefore }),
  }));
}

function checkCapabilities({ capabilities }: MigrationFile, path: string, ofLibvirt: boolean): void {
  if (!capabilities.includes('mapped-ram')) {
    throw new MultifdError('incompatible', `${path}: a migration stream without mapped-ram`, {
      hint: ofLibvirt ? SPARSE : 'have QEMU write the file with the capability mapped-ram',
    });
  }
  const other = capabilities.find((name) => name !== 'mapped-ram');
  if (other !== undefined) {
    throw new MultifdError('incompatible', `${path}: written with the capability ${other}`, {
      hint: `have QEMU write the file without ${other}`,
    });
  }
}

/** Commands are for the connection that they came on; those that say more cannot be left out. */
function checkCommands({ sections }: MigrationFile, path: string): void {
  const other = sections.find(({ kind, name }) => kind === 'command' && !LEFT_OUT.has(name));
  if (other === undefined) return;
  throw new MultifdError('incompatible', `${path}: command ${other.name} at byte ${other.offset}`, {
    hint: 'have QEMU write the file without postcopy and x-colo',
  });
}

function describeBlock(source: ByteSource, block: StreamBlock, pageSize: number): FileBlockDescriptor {
  const { name, length, mapped } = block;
  if (mapped === undefined) throw new MultifdError('internal', `RAM block ${name}: no mapped-ram header`);
  return {
    kind: 'file',
    name,
    length,
    path: source.name,
    writable: false,
    fileOffset: mapped.pagesOffset,
    extents: listExtents(source, mapped.bitmapOffset, length / pageSize, pageSize),
  };
}

/** Pairs of byte offsets in the block, as core's `FileBlockDescriptor.extents`. */
function listExtents(
  source: ByteSource,
  bitmapOffset: number,
  pages: number,
  pageSize: number,
): Float64Array {
  let runs = 0;
  for (const _ of pageRuns(source, bitmapOffset, pages)) runs++;
  const extents = new Float64Array(2 * runs);
  let at = 0;
  for (const [first, end] of pageRuns(source, bitmapOffset, pages)) {
    extents[at++] = first * pageSize;
    extents[at++] = end * pageSize;
  }
  return extents;
}
