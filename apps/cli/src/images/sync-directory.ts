import { closeSync, fsyncSync, openSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { MultifdError } from '@multifd/core';

/** Brings a directory's names to the disk. @throws MultifdError `io` */
export async function syncDirectory(path: string): Promise<void> {
  try {
    const directory = await open(path, 'r');
    try {
      await directory.sync();
    } finally {
      await directory.close();
    }
  } catch (cause) {
    throw MultifdError.from(cause, 'io', `cannot bring ${path} to the disk`);
  }
}

/** The same for a process that may have no other moment. @throws what the system throws. */
export function syncDirectoryNow(path: string): void {
  const fd = openSync(path, 'r');
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}
