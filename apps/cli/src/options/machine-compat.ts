import { type MachineCompat, type MigrationParameters, MultifdError, machineCompat } from '@multifd/core';
import { quote } from './sizes.js';

/**
 * What a destination needs whose machine type is of this QEMU version (`machineCompat`).
 *
 * @param text a version (`7.2`), or a machine type that ends in one (`pc-q35-7.2`).
 * @throws MultifdError `usage`
 */
export function parseMachineCompat(text: string): MachineCompat {
  const compat = machineCompat(/^\d/.test(text) ? `-${text}` : text);
  if (compat !== undefined) return compat;
  throw new MultifdError('usage', `--machine-compat ${quote(text)}: not a QEMU version`, {
    hint: "give the version of the destination's machine type, as in 7.2 for pc-q35-7.2",
  });
}

/**
 * What a machine type has decided, for the user to see; undefined if the options did, or it is what is usual.
 * @param given what was asked for, `--machine-compat` included.
 */
export function compatNote(
  machineType: string,
  compat: MachineCompat | undefined,
  given: Partial<MigrationParameters>,
): string | undefined {
  if (compat === undefined) return undefined;
  const parts = [
    ...(compat.multifdFlushAfterEachSection && given.multifdFlushAfterEachSection === undefined
      ? ['sync with each section']
      : []),
    ...(compat.zeroPageDetection === 'legacy' && given.zeroPageDetection === undefined
      ? ['zero pages on the main stream (--zero-page-detection legacy)']
      : []),
  ];
  if (parts.length === 0) return undefined;
  return `machine type ${machineType}: ${parts.join(', ')}; --machine-compat VERSION says otherwise`;
}
