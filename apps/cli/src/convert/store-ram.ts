import { describedDevices } from '@multifd/qemu';
import { copyRam } from '../images/copy-ram.js';
import { openStoreSource } from '../images/store-source.js';
import type { StorePlace } from '../options/store-place.js';
import type { RestingRam } from './resting-ram.js';

/**
 * Opens a snapshot of a store.
 * @param note hears if no gc is kept from it.
 * @throws MultifdError `usage`, `protocol`, `incompatible`, `io`, `cancelled`.
 */
export async function openStoreRam(
  place: StorePlace,
  note: (line: string) => void,
  signal: AbortSignal,
): Promise<RestingRam> {
  const { stored, reading, close } = await openStoreSource(place, 'a conversion of', signal);
  if (reading.note !== undefined) note(reading.note);
  const { machineType, configuration, ram, rawDeviceState } = stored;
  const described = describedDevices(rawDeviceState);
  return {
    place: `store:${place.directory}#${place.name}`,
    ram,
    machineType,
    configuration,
    deviceState: described?.sections,
    rawDeviceState: { ...rawDeviceState, vmdesc: described?.vmdesc },
    pageSize: ram.pageSize,
    blocks: ram.blocks.map(({ name, length }) => ({ name, length })),
    fds: [],
    notes:
      described === undefined
        ? [`snapshot ${place.name} does not describe its devices: no registers are in the dump`]
        : [],
    async copy(target, signal, progress) {
      await copyRam(ram, target, signal, progress);
    },
    check: () => reading.check(),
    close,
  };
}
