import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { type FileBlockDescriptor, MultifdError } from '@multifd/core';
import { type MappedRamGuest, openMappedRam } from '@multifd/qemu';
import { type Identity, restingGuest } from '../guest/demo-guest.js';
import type { PreparedGuest } from '../guest/prepared-guest.js';
import { type FilePlace, parseFilePlace } from '../options/file-place.js';
import { formatBytes } from '../report/format.js';
import { isSystemError, pathError, withPath } from '../system-error.js';
import { MANIFEST } from './manifest.js';
import { SourceFile } from './source-file.js';

/** A guest in a file, which stays open until the guest is closed. */
export interface StoredGuest extends MappedRamGuest {
  readonly file: SourceFile;
}

/**
 * Opens a mapped-ram migration file, of QEMU's or of a `file:` target. Pages are not read.
 * @param place a path, or `PATH,offset=N`.
 * @throws MultifdError `usage` for a path that is no such file, `incompatible`, `io`.
 */
export function openFileSource(place: string): StoredGuest {
  const { path, offset } = findFile(place);
  const file = new SourceFile(path);
  try {
    const stored = openMappedRam(path, offset === undefined ? {} : { offset });
    // It was read by its name: that must be this file, as it was.
    file.check();
    const images: readonly FileBlockDescriptor[] = stored.ram.blocks;
    const blocks = images.map((block) => ({ ...block, fd: file.fd }));
    return { ...stored, file, ram: { ...stored.ram, blocks } };
  } catch (error) {
    file.close();
    throw usersMistake(path, error);
  }
}

/**
 * Whether a destination can be asked what it has: the question goes with the devices, which must be described.
 * @throws MultifdError `usage`
 */
export function checkReportable({ rawDeviceState, file }: StoredGuest): void {
  if (rawDeviceState.vmdesc !== undefined) return;
  throw new MultifdError(
    'usage',
    `${file.path}: it does not describe its devices, so the destination cannot be verified`,
    { hint: 'send it to an address with --no-verify; loopback always verifies' },
  );
}

/**
 * The stored guest, which stands still. `machineType` and `uuid` are what the destination is told.
 * @param note hears what is left out, or goes unread.
 */
export function storedGuest(
  stored: StoredGuest,
  identity: Identity,
  note: (line: string) => void,
): PreparedGuest {
  const { ram, rawDeviceState, file } = stored;
  const warning = file.warning();
  if (warning !== undefined) note(warning);
  const { uuid } = identity;
  if (stored.bytesBehind > 0)
    note(
      `${formatBytes(stored.bytesBehind)} behind the stream in the file are left out: QEMU does not need them`,
    );
  if (stored.unreadableDescription)
    note("the file's description of its devices is not JSON: it is sent as it is, QEMU does not look at it");
  // The uuid that the destination is told stands in for the stored one, where that was to be compared.
  const configuration = {
    ...stored.configuration,
    ...(stored.configuration.uuid === undefined || uuid === undefined ? {} : { uuid }),
  };
  const guest = restingGuest({
    ...identity,
    ram,
    configuration,
    rawDeviceState: () => rawDeviceState,
    intact: () => file.check(),
  });
  return { ...guest, close: async () => file.close() };
}

/**
 * The file that is meant, which is there and is a regular one.
 * @throws MultifdError `usage` if not, or if its offset is none.
 */
export function findFile(place: string): FilePlace {
  const found = parseFilePlace(place, existsSync);
  const there = withPath(`${found.path}: cannot be looked at`, () =>
    statSync(found.path, { throwIfNoEntry: false }),
  );
  if (there === undefined)
    throw new MultifdError('usage', `${found.path}: no such file`, { hint: 'check the path' });
  if (there.isDirectory() && holdsImages(found.path)) {
    throw new MultifdError('usage', `${found.path}: a directory with RAM images, and no migration file`, {
      hint: `\`multifd migrate raw:${found.path}\` sends that guest; what is known of it is in ${join(found.path, MANIFEST)}`,
    });
  }
  if (!there.isFile())
    throw new MultifdError('usage', `${found.path}: not a regular file`, { hint: 'name a migration file' });
  return found;
}

/** Whether a `raw:` target may have written here. */
function holdsImages(path: string): boolean {
  return existsSync(join(path, MANIFEST));
}

/** What reading a migration file has thrown, as an error: a wrong path is the user's mistake and not the wire's. */
export function usersMistake(path: string, error: unknown): unknown {
  const refused = MultifdError.is(error) && error.code === 'io' ? error.cause : undefined;
  if (isSystemError(refused)) return pathError(refused, `${path}: cannot be read`);
  if (!MultifdError.is(error) || error.code !== 'protocol') return error;
  return new MultifdError('usage', error.message, {
    cause: error,
    hint: `is ${path} a migration file, and complete? If the stream begins elsewhere, give ${path},offset=N`,
  });
}
