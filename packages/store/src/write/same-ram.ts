import { isDeepStrictEqual } from 'node:util';
import type { GuestRamDescriptor, RamBlockDescriptor } from '@multifd/core';

/** Whether both are the same memory, and not only of the same shape. */
export function isSameRam(a: GuestRamDescriptor, b: GuestRamDescriptor): boolean {
  if (a.pageSize !== b.pageSize || a.blocks.length !== b.blocks.length) return false;
  return a.blocks.every((block, index) => {
    const other = b.blocks[index];
    return other !== undefined && isSameBlock(block, other);
  });
}

function isSameBlock(a: RamBlockDescriptor, b: RamBlockDescriptor): boolean {
  if (a === b) return true;
  if (a.name !== b.name || a.length !== b.length) return false;
  if (a.kind === 'memory' && b.kind === 'memory') {
    // By identity: a deep comparison would read all of the memory.
    return (
      a.segmentSize === b.segmentSize &&
      a.segments.length === b.segments.length &&
      a.segments.every((segment, index) => segment === b.segments[index])
    );
  }
  if (a.kind === 'file' && b.kind === 'file')
    return a.path === b.path && a.fd === b.fd && (a.fileOffset ?? 0) === (b.fileOffset ?? 0);
  if (a.kind === 'host' && b.kind === 'host')
    return a.module === b.module && isDeepStrictEqual(a.handle, b.handle);
  return false;
}
