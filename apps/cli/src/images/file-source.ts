import { existsSync, statSync } from 'node:fs';
import { MultifdError } from '@multifd/core';
import { type MappedRamGuest, openMappedRam } from '@multifd/qemu';
import { type Identity, restingGuest } from '../guest/demo-guest.js';
import type { PreparedGuest } from '../guest/prepared-guest.js';
import { type FilePlace, parseFilePlace } from '../options/file-place.js';

/**
 * Opens a mapped-ram migration file, of QEMU's or of a `file:` target. Pages are not read.
 * @param place a path, or `PATH,offset=N`.
 * @throws MultifdError `usage` for a path that is no such file, `incompatible`, `io`.
 */
export function openFileSource(place: string): MappedRamGuest {
  const { path, offset } = findFile(place);
  try {
    return openMappedRam(path, offset === undefined ? {} : { offset });
  } catch (error) {
    throw usersMistake(path, error);
  }
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
 * The file that is meant, which is there and is a regular one.
 * @throws MultifdError `usage` if not, or if its offset is none.
 */
export function findFile(place: string): FilePlace {
  const found = parseFilePlace(place, existsSync);
  const there = statSync(found.path, { throwIfNoEntry: false });
  if (there === undefined)
    throw new MultifdError('usage', `${found.path}: no such file`, { hint: 'check the path' });
  if (!there.isFile())
    throw new MultifdError('usage', `${found.path}: not a regular file`, { hint: 'name a migration file' });
  return found;
}

/** What reading a migration file has thrown, as an error: a wrong path is the user's mistake and not the wire's. */
export function usersMistake(path: string, error: unknown): unknown {
  if (!MultifdError.is(error) || error.code !== 'protocol') return error;
  return new MultifdError('usage', error.message, {
    cause: error,
    hint: `is ${path} a migration file, and whole? One that begins elsewhere is ${path},offset=N`,
  });
}
