import { closeSync, ftruncateSync, openSync, readSync, statSync, writeSync } from 'node:fs';
import type { FileBlockDescriptor } from '@multifd/core';
import { createRandom } from '@multifd/testing/random';
import { CONTROL_PAGE, controlPage } from './boot-code.js';
import type { RamFile } from './qemu.js';

const PAGE = 4096;
const CHUNK = 2 ** 20;

/**
 * Makes a RAM file: holes, pages of random bytes, pages that are all but zero, and, if `control` is given, the
 * guest's control page. The first MiB is left to the guest.
 * @param most number of pages with content at most.
 */
export function createRam(
  file: RamFile,
  seed: number,
  control?: Parameters<typeof controlPage>[0],
  most = Number.POSITIVE_INFINITY,
): void {
  const random = createRandom(seed);
  const fd = openSync(file.path, 'w+');
  ftruncateSync(fd, file.size);
  const pages = file.size / PAGE;
  let filled = 0;
  for (let page = CHUNK / PAGE; page < pages; page++) {
    // Runs of zero pages, of noise, and mixed stretches.
    const kind = Math.floor(page / 64) % 3 === 0 ? 0 : random.int(4);
    if (kind === 0 || filled++ >= most) continue;
    const bytes = kind === 1 ? random.bytes(PAGE) : new Uint8Array(PAGE);
    if (kind === 2) bytes[0] = 1;
    if (kind === 3) bytes[PAGE - 1] = 0x80;
    writeSync(fd, bytes, 0, PAGE, page * PAGE);
  }
  if (control !== undefined) writeSync(fd, controlPage(control), 0, PAGE, CONTROL_PAGE);
  closeSync(fd);
}

/** An empty file for a block that is received. */
export function createTarget(path: string, name: string, length: number): FileBlockDescriptor {
  const fd = openSync(path, 'w+');
  ftruncateSync(fd, length);
  closeSync(fd);
  return { kind: 'file', name, length, path, writable: true };
}

/** The first byte at which two files differ within `length` bytes; undefined if none does. */
export function firstDifference(left: string, right: string, length: number): number | undefined {
  const a = openSync(left, 'r');
  const b = openSync(right, 'r');
  try {
    const one = Buffer.alloc(CHUNK);
    const two = Buffer.alloc(CHUNK);
    for (let at = 0; at < length; at += CHUNK) {
      const size = Math.min(CHUNK, length - at);
      if (readSync(a, one, 0, size, at) !== size) return at;
      if (readSync(b, two, 0, size, at) !== size) return at;
      if (one.compare(two, 0, size, 0, size) === 0) continue;
      for (let byte = 0; byte < size; byte++) if (one[byte] !== two[byte]) return at + byte;
    }
    return undefined;
  } finally {
    closeSync(a);
    closeSync(b);
  }
}

/** Bytes that a file takes on disk. */
export function allocated(path: string): number {
  return statSync(path).blocks * 512;
}

/** A field of the guest's control page (`CONTROL`), from the file behind the RAM block that begins at address 0. */
export function readControl(path: string, field: number): number {
  const fd = openSync(path, 'r');
  try {
    const bytes = Buffer.alloc(4);
    readSync(fd, bytes, 0, 4, CONTROL_PAGE + field);
    return bytes.readUInt32LE();
  } finally {
    closeSync(fd);
  }
}
