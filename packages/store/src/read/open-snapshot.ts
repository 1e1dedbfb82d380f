import { closeSync, constants, fstatSync, openSync } from 'node:fs';
import type {
  GuestRamDescriptor,
  HostBlockDescriptor,
  RawDeviceState,
  StreamConfiguration,
} from '@multifd/core';
import { MultifdError } from '@multifd/core/ram';
import { damaged } from '../format/damage.js';
import { LARGEST_OBJECT } from '../format/layout.js';
import { snapshotKey } from '../format/names.js';
import { checkSnapshotSize, LONGEST_BEGIN, parseSnapshot, type Snapshot } from '../format/snapshot.js';
import { uuidBytes } from '../format/uuid.js';
import type { DiskObjects } from '../objects/disk.js';
import { codeOf, storeError } from '../objects/disk-error.js';
import { readExactly } from './disk-packs.js';
import { describeBlock } from './handle.js';

/** Built, it lies beside what starts the threads that import it. */
const MODULE = new URL('./blocks.js', import.meta.url).href;

/** A guest in a store, ready to be given to core's `migrate`. Its channel threads read and unpack the chunks. */
export interface StoredGuest {
  readonly name: string;
  readonly snapshot: Snapshot;
  readonly machineType: string;
  readonly uuid: Uint8Array | undefined;
  readonly configuration: StreamConfiguration;
  readonly ram: GuestRamDescriptor & { readonly blocks: readonly HostBlockDescriptor[] };
  readonly rawDeviceState: RawDeviceState;
  /** Whether the device state ends with a description of all devices. */
  readonly described: boolean;
  /** No thread may have a block open any more. */
  close(): void;
}

/**
 * Opens a snapshot of a store on a disk, whatever becomes of its name later. The caller holds a lease as long as it is open.
 * @throws MultifdError `usage` if there is none of this name; `protocol`, `incompatible`, `io`.
 */
export function openSnapshot(objects: DiskObjects, name: string): StoredGuest {
  const what = `${objects.what}#${name}`;
  const fd = openFile(objects.path(snapshotKey(name)), what);
  try {
    const stats = fstatSync(fd);
    if (!stats.isFile() || stats.size > LARGEST_OBJECT)
      throw damaged(what, `no file, or ${stats.size} bytes`);
    const { size } = stats;
    const begin = readExactly(fd, new Uint8Array(Math.min(size, LONGEST_BEGIN)), 0, what);
    checkSnapshotSize(begin, size, what);
    const snapshot = parseSnapshot(readExactly(fd, new Uint8Array(size), 0, what), what);
    const { head, devices, id } = snapshot;
    const uuid = head.uuid === null ? undefined : uuidBytes(head.uuid);
    const { directory } = objects;
    return {
      name,
      snapshot,
      machineType: head.machineType,
      uuid,
      configuration: {
        ...(head.targetPageBits === null ? {} : { targetPageBits: head.targetPageBits }),
        ...(uuid === undefined ? {} : { uuid }),
      },
      ram: {
        pageSize: head.pageSize,
        blocks: head.blocks.map((each, block) =>
          describeBlock(each, { directory, fd, size, id, snapshot: what, block }, MODULE),
        ),
      },
      rawDeviceState: devices,
      described: head.devices.described,
      close: () => closeSync(fd),
    };
  } catch (error) {
    closeSync(fd);
    throw error;
  }
}

function openFile(path: string, what: string): number {
  try {
    // A FIFO would wait for its writer.
    return openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (cause) {
    if (codeOf(cause) !== 'ENOENT') throw storeError(cause, `${what}: cannot be read`);
    throw new MultifdError('usage', `${what}: no such snapshot`, {
      cause,
      hint: '`multifd store ls` shows what there is',
    });
  }
}
