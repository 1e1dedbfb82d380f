import { MultifdError } from '@multifd/core';
import type { Reading, StoredGuest } from '@multifd/store';
import { type Identity, restingGuest } from '../guest/demo-guest.js';
import type { PreparedGuest } from '../guest/prepared-guest.js';
import type { StorePlace } from '../options/store-place.js';
import { openStored } from './open-stored.js';
import { storeObjects } from './store-objects.js';

/** A snapshot that is in use. */
export interface SnapshotInUse {
  readonly stored: StoredGuest;
  /** Keeps a gc from what the snapshot needs, or says that it cannot. */
  readonly reading: Reading;
  close(): Promise<void>;
}

/**
 * Opens a snapshot. Pages are not read.
 * @param purpose what is done with it, for whoever wants to collect garbage meanwhile.
 * @throws MultifdError `usage` if there is none; `protocol`, `incompatible`, `io`, `cancelled`.
 */
export async function openStoreSource(
  { directory, name }: StorePlace,
  purpose: string,
  signal: AbortSignal,
): Promise<SnapshotInUse> {
  const { startReading, Store } = await import('@multifd/store');
  const objects = await storeObjects(directory);
  await Store.open(objects);
  const reading = await startReading(objects, `${purpose} ${name}`, signal);
  try {
    const open = await openStored(objects, name, signal);
    const close = async () => {
      await open.close();
      await reading.release();
    };
    return { stored: open.stored, reading, close };
  } catch (error) {
    await reading.release();
    throw error;
  }
}

/** Whether a destination can be asked what it has: the question goes with the devices, which must be described. */
export function checkDescribed({ stored }: SnapshotInUse): void {
  if (stored.described) return;
  throw new MultifdError(
    'usage',
    `snapshot ${stored.name}: it does not describe its devices, so the destination cannot be verified`,
    { hint: 'send it to an address with --no-verify; loopback always verifies' },
  );
}

/** The guest of a snapshot, which stands still. `machineType` and `uuid` are what the destination is told. */
export function snapshotGuest({ stored, reading, close }: SnapshotInUse, identity: Identity): PreparedGuest {
  const { uuid } = identity;
  const configuration = {
    ...stored.configuration,
    ...(stored.configuration.uuid === undefined || uuid === undefined ? {} : { uuid }),
  };
  const guest = restingGuest({
    ...identity,
    ram: stored.ram,
    configuration,
    rawDeviceState: () => stored.rawDeviceState,
    intact: () => reading.check(),
  });
  return { ...guest, close };
}
