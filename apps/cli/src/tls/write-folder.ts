import { closeSync, fchmodSync, fsyncSync, mkdirSync, openSync, rmSync, statSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { MultifdError } from '@multifd/core';
import { isSystemError, pathError } from '../system-error.js';

/**
 * Writes files that only this user can read, into a folder that only this user can enter if it is new. Replaces nothing.
 * @throws MultifdError `usage` if one of them is there already, or the folder cannot be written to; then none is written.
 */
export function writePrivately(dir: string, files: Readonly<Record<string, string>>): void {
  const written: string[] = [];
  try {
    makeFolder(dir);
    for (const [name, text] of Object.entries(files)) {
      const path = join(dir, name);
      const fd = openSync(path, 'wx', 0o600);
      written.push(path);
      try {
        fchmodSync(fd, 0o600);
        writeSync(fd, text);
        fsyncSync(fd);
      } finally {
        closeSync(fd);
      }
    }
  } catch (cause) {
    for (const path of written) rmSync(path, { force: true });
    if (!isSystemError(cause)) throw cause;
    if (Reflect.get(cause, 'code') !== 'EEXIST')
      throw pathError(cause, `tls init ${dir}: it cannot be written to`);
    const path: unknown = Reflect.get(cause, 'path');
    throw new MultifdError('usage', `tls init ${dir}: ${String(path)} is there already`, {
      cause,
      hint: 'name another folder: keys are not replaced',
    });
  }
}

function makeFolder(dir: string): void {
  try {
    mkdirSync(dir, { mode: 0o700 });
  } catch (error) {
    const isThere = isSystemError(error) && Reflect.get(error, 'code') === 'EEXIST';
    if (!isThere || !statSync(dir).isDirectory()) throw error;
  }
}
