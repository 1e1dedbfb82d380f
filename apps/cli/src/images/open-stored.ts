import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ObjectStore, StoredGuest } from '@multifd/store';

/** A snapshot that threads can read. */
export interface OpenStored {
  readonly stored: StoredGuest;
  close(): Promise<void>;
}

/**
 * Opens a snapshot of a store on a disk where it is; one that is elsewhere comes to a folder of its own in TMPDIR first, as it is
 * stored. The caller holds a lease.
 * @throws MultifdError `usage` if there is none; `protocol`, `incompatible`, `io`, `cancelled`.
 */
export async function openStored(
  objects: ObjectStore,
  name: string,
  signal: AbortSignal,
): Promise<OpenStored> {
  const { DiskObjects, mirrorSnapshot, openSnapshot, Store } = await import('@multifd/store');
  if (objects.place.kind === 'disk') {
    const stored = openSnapshot(new DiskObjects(objects.place.directory), name);
    return { stored, close: async () => stored.close() };
  }
  const folder = mkdtempSync(join(tmpdir(), 'multifd-store-'));
  const remove = () => rmSync(folder, { recursive: true, force: true });
  process.once('exit', remove);
  try {
    const local = new DiskObjects(folder, objects.what);
    await mirrorSnapshot(await Store.open(objects), name, local, { signal });
    const stored = openSnapshot(local, name);
    const close = async () => {
      stored.close();
      process.off('exit', remove);
      remove();
    };
    return { stored, close };
  } catch (error) {
    process.off('exit', remove);
    remove();
    throw error;
  }
}
