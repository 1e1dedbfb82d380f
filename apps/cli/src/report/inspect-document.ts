import type { DeviceStruct, Inspection, StreamSection } from '@multifd/qemu';
import { type FailureMembers, failureMembers } from './errors.js';
import { SCHEMA_VERSION } from './migrate-document.js';

/** What `multifd inspect --json` prints. Sizes and offsets in bytes. */
export interface InspectDocument extends Partial<Omit<FailureMembers, 'status'>> {
  readonly 'schema-version': typeof SCHEMA_VERSION;
  readonly command: 'inspect';
  readonly status: 'completed' | FailureMembers['status'];
  readonly file: string | null;
  /** All that follows is absent if the file could not be read. */
  /** What the stream stands in; absent if that is the file alone. */
  readonly container?: ContainerMember;
  /** Byte offset of the stream in the file, or in what was unpacked from it. */
  readonly 'stream-offset'?: number;
  readonly format?: Inspection['format'];
  /** Of the migration stream. */
  readonly version?: number;
  readonly 'machine-type'?: string;
  readonly 'target-page-bits'?: number;
  readonly capabilities?: readonly string[];
  readonly uuid?: string;
  readonly 'page-size'?: number;
  readonly blocks?: readonly BlockMember[];
  readonly sections?: readonly StreamSection[];
  /** Null if the file does not describe its devices. */
  readonly devices?: readonly DeviceMember[] | null;
  /** The file has a description of its devices that is not JSON; absent otherwise. */
  readonly 'unreadable-description'?: true;
  /** Of everything behind RAM, description included. */
  readonly 'device-state-size'?: number;
  /** Bytes of the file behind the stream, which QEMU does not need. */
  readonly 'bytes-behind'?: number;
}

export interface ContainerMember {
  readonly libvirt?: { readonly format: string; readonly 'was-running': boolean };
  /** `gzip` or `zstd`. */
  readonly compression?: string;
}

export interface BlockMember {
  readonly name: string;
  readonly length: number;
  readonly 'normal-pages': number;
  /** Pages that the file says are zero; mapped-ram does not tell them from absent ones: 0 there. */
  readonly 'zero-pages': number;
  readonly 'absent-pages': number;
  readonly address?: number;
  readonly 'pages-offset'?: number;
  readonly 'bitmap-offset'?: number;
}

export interface DeviceMember {
  readonly name: string;
  readonly 'instance-id': number;
  readonly 'version-id': number;
  readonly size: number;
  /** By field name; what a number cannot hold is a string: `0x...`, decimal if signed, bytes as hex. */
  readonly state: DeviceStruct;
}

/** @param error what kept the file from being read. */
export function inspectDocument(
  file: string | null,
  inspection: Inspection | undefined,
  error?: unknown,
): InspectDocument {
  return {
    'schema-version': SCHEMA_VERSION,
    command: 'inspect',
    ...(inspection === undefined ? failureMembers(error) : { status: 'completed' as const }),
    file,
    ...(inspection === undefined ? {} : members(inspection)),
  };
}

function members(inspection: Inspection) {
  const { format, version, machineType, targetPageBits, capabilities, uuid } = inspection;
  return {
    ...containerMember(inspection),
    'stream-offset': inspection.streamOffset,
    format,
    version,
    'machine-type': machineType,
    ...(targetPageBits === undefined ? {} : { 'target-page-bits': targetPageBits }),
    capabilities,
    ...(uuid === undefined ? {} : { uuid }),
    'page-size': inspection.pageSize,
    blocks: inspection.blocks.map(block),
    sections: inspection.sections,
    devices: inspection.devices?.map(device) ?? null,
    ...(inspection.unreadableDescription ? { 'unreadable-description': true as const } : {}),
    'device-state-size': inspection.deviceStateSize,
    'bytes-behind': inspection.bytesBehind,
  };
}

function containerMember({ container }: Inspection): Pick<InspectDocument, 'container'> {
  if (container === undefined) return {};
  const { libvirt, compression } = container;
  return {
    container: {
      ...(libvirt === undefined
        ? {}
        : { libvirt: { format: libvirt.format, 'was-running': libvirt.wasRunning } }),
      ...(compression === undefined ? {} : { compression }),
    },
  };
}

function block({
  name,
  length,
  normalPages,
  zeroPages,
  absentPages,
  address,
  pagesOffset,
  bitmapOffset,
}: Inspection['blocks'][number]): BlockMember {
  return {
    name,
    length,
    'normal-pages': normalPages,
    'zero-pages': zeroPages,
    'absent-pages': absentPages,
    ...(address === undefined ? {} : { address }),
    ...(pagesOffset === undefined ? {} : { 'pages-offset': pagesOffset }),
    ...(bitmapOffset === undefined ? {} : { 'bitmap-offset': bitmapOffset }),
  };
}

function device({
  name,
  instanceId,
  versionId,
  size,
  state,
}: NonNullable<Inspection['devices']>[number]): DeviceMember {
  return { name, 'instance-id': instanceId, 'version-id': versionId, size, state };
}
