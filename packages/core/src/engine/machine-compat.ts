import { completeParameters, type MigrationParameters, type ZeroPageDetection } from '../parameters.js';

/** The two parameters that QEMU sets by the version of its machine type (docs/wire.md, 10). */
export interface MachineCompat {
  readonly multifdFlushAfterEachSection: boolean;
  readonly zeroPageDetection: Exclude<ZeroPageDetection, 'none'>;
}

/**
 * The version at the end of a machine type's name: `pc-q35-7.2`, `virt-8.0`, `pc-q35-4.0.1`, `pseries-2.12-sxxm`,
 * `pc-q35-8.0+pve0`. Of a name with a vendor's own count (`pc-q35-rhel9.2.0`) or none (`none`, `raspi3b`) it tells
 * nothing.
 */
const VERSION = /-(\d{1,3})\.(\d{1,3})(?:\.\d{1,3})?(?:-sxxm|\+pve\d+)?$/;

/** The last versions with the old values. */
const LAST_FLUSH_AFTER_EACH_SECTION = 8000;
const LAST_LEGACY_DETECTION = 8002;

/**
 * What a QEMU with this machine type does, whatever its own version: up to 8.0 a sync with each section, up to 8.2
 * zero pages on the main stream. A QEMU before 8.1 or 9.0 knows no other way, and has no later machine type.
 *
 * @returns undefined if the name does not tell. Then to sync per round is the safe guess: a destination that waits for
 * syncs of sections hangs, and loads nothing. The other way round it says `completed`, with pages missing.
 */
export function machineCompat(machineType: string): MachineCompat | undefined {
  const match = VERSION.exec(machineType);
  if (match === null) return undefined;
  const version = Number(match[1]) * 1000 + Number(match[2]);
  return {
    multifdFlushAfterEachSection: version <= LAST_FLUSH_AFTER_EACH_SECTION,
    zeroPageDetection: version <= LAST_LEGACY_DETECTION ? 'legacy' : 'multifd',
  };
}

/**
 * Parameters of a source that is to reach a destination with this machine type: what was given decides, then the
 * machine type, then the defaults.
 * @throws MultifdError `usage`, as `completeParameters`.
 */
export function parametersFor(
  machineType: string,
  given: Partial<MigrationParameters> = {},
): MigrationParameters {
  return completeParameters({ ...machineCompat(machineType), ...given });
}
