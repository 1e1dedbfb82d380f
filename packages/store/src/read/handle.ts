import type { HostBlockDescriptor } from '@multifd/core';
import { MultifdError } from '@multifd/core/ram';

/** How a block of a snapshot is found by another thread of this process. */
export interface BlockHandle {
  readonly directory: string;
  /** The snapshot's file, open in this process. */
  readonly fd: number;
  /** Bytes of that file. */
  readonly size: number;
  /** Whose it must be. */
  readonly id: string;
  readonly snapshot: string;
  /** Which of the snapshot's blocks. */
  readonly block: number;
}

export function describeBlock(
  { name, size }: { readonly name: string; readonly size: number },
  handle: BlockHandle,
  module: string,
): HostBlockDescriptor {
  return { kind: 'host', name, length: size, module, handle: { ...handle } };
}

/** @throws MultifdError `usage` for a handle that `describeBlock` does not make. */
export function handleOf({ name, handle }: HostBlockDescriptor): BlockHandle {
  const { directory, fd, size, id, snapshot, block } = handle;
  if (
    typeof directory !== 'string' ||
    typeof fd !== 'number' ||
    typeof size !== 'number' ||
    typeof id !== 'string' ||
    typeof snapshot !== 'string' ||
    typeof block !== 'number'
  ) {
    throw new MultifdError('usage', `RAM block ${name}: not a block of a store`);
  }
  return { directory, fd, size, id, snapshot, block };
}
