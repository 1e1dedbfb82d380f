import { statSync } from 'node:fs';
import { MultifdError } from '@multifd/core';
import { type MappedRamGuest, openMappedRam } from '@multifd/qemu';
import { type Identity, restingGuest } from '../guest/demo-guest.js';
import type { PreparedGuest } from '../guest/prepared-guest.js';

/**
 * Opens a mapped-ram migration file, of QEMU's or of a `file:` target. Pages are not read.
 * @throws MultifdError `usage` for a path that is no such file, `incompatible`, `io`.
 */
export function openFileSource(path: string): MappedRamGuest {
  return readingFile(path, () => openMappedRam(path));
}

/** The stored guest, which stands still. `machineType` and `uuid` are what the destination is told. */
export function storedGuest(stored: MappedRamGuest, identity: Identity): PreparedGuest {
  const { ram, rawDeviceState } = stored;
  const { uuid } = identity;
  // The uuid that the destination is told stands in for the stored one, where that was to be compared.
  const configuration = {
    ...stored.configuration,
    ...(stored.configuration.uuid === undefined || uuid === undefined ? {} : { uuid }),
  };
  return restingGuest({ ...identity, ram, configuration, rawDeviceState: () => rawDeviceState });
}

/**
 * Calls what reads a migration file at `path`, so that a wrong path is the user's mistake and not the wire's.
 * @throws MultifdError `usage` if there is no such file or it is none, and whatever else `read` throws.
 */
export function readingFile<T>(path: string, read: () => T): T {
  const there = statSync(path, { throwIfNoEntry: false });
  if (there === undefined)
    throw new MultifdError('usage', `${path}: no such file`, { hint: 'check the path' });
  if (!there.isFile())
    throw new MultifdError('usage', `${path}: not a regular file`, { hint: 'name a migration file' });
  try {
    return read();
  } catch (error) {
    if (!MultifdError.is(error) || error.code !== 'protocol') throw error;
    throw new MultifdError('usage', error.message, {
      cause: error,
      hint: `is ${path} a migration file, and whole?`,
    });
  }
}
