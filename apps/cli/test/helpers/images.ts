import { closeSync, ftruncateSync, openSync, readFileSync, statSync, writeSync } from 'node:fs';
import { expect } from 'vitest';
import { loadHoleSeeker } from '../../src/images/seek.js';

/** Makes a sparse file of `length` bytes with `pieces` of data in it. */
export function writeSparse(
  path: string,
  length: number,
  pieces: readonly { at: number; bytes: Uint8Array }[],
): void {
  const fd = openSync(path, 'w');
  ftruncateSync(fd, length);
  for (const { at, bytes } of pieces) writeSync(fd, bytes, 0, bytes.length, at);
  closeSync(fd);
}

/** Bytes that are not zero and not the same everywhere. */
export function content(length: number, seed: number): Uint8Array {
  let state = seed * 2654435761 + 1;
  return Uint8Array.from({ length }, () => {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0;
    return (state >>> 16) | 1;
  });
}

export function sameFiles(a: string, b: string): boolean {
  return readFileSync(a).equals(readFileSync(b));
}

/** Bytes that a file occupies on the disk. */
export function allocated(path: string): number {
  return statSync(path).blocks * 512;
}

/** Pattern of the line that a `raw:` source prints where the addon of host-linux, which finds holes, is not built. */
export const HOLES_NOTE = loadHoleSeeker().ok
  ? ''
  : '(multifd: .+: holes cannot be found \\(.+\\), so all of it is read\n)?';

/** What a `raw:` source that has nothing to say prints on stderr. */
export const RAW_IS_QUIET = expect.stringMatching(new RegExp(`^${HOLES_NOTE}$`));
