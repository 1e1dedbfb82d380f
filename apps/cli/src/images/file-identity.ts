import { type BigIntStats, lstatSync } from 'node:fs';

/** What has this name now, a symbolic link itself and not what it points to; undefined: nothing. @throws what lstat throws. */
export function lookAt(path: string): BigIntStats | undefined {
  return lstatSync(path, { bigint: true, throwIfNoEntry: false });
}

export function isSameFile(a: BigIntStats, b: BigIntStats): boolean {
  return a.dev === b.dev && a.ino === b.ino;
}

/** Whether it is the same file and nobody has written to it between the two looks, as far as its times tell. */
export function isUnchanged(before: BigIntStats, now: BigIntStats): boolean {
  return isSameFile(before, now) && before.size === now.size && before.mtimeNs === now.mtimeNs;
}
