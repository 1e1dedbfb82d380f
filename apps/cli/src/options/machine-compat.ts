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
 * What a machine type has decided, or what it wants and the options do not, for the user to see; undefined if both agree, or it is
 * what is usual.
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
  if (parts.length === 0) return contradiction(machineType, compat, given);
  return `machine type ${machineType}: ${parts.join(', ')}; --machine-compat VERSION says otherwise`;
}

/** The options win. A destination of this machine type may hang then, or fail without a word. */
function contradiction(
  machineType: string,
  compat: MachineCompat,
  { multifdFlushAfterEachSection: flush, zeroPageDetection: detection }: Partial<MigrationParameters>,
): string | undefined {
  const wanted = [
    ...(flush === undefined || flush === compat.multifdFlushAfterEachSection
      ? []
      : [compat.multifdFlushAfterEachSection ? 'a sync with each section' : 'no sync with each section']),
    ...(compat.zeroPageDetection === 'legacy' && detection === 'multifd'
      ? ['zero pages on the main stream (--zero-page-detection legacy)']
      : []),
  ];
  if (wanted.length === 0) return undefined;
  return `machine type ${machineType}: it wants ${wanted.join(' and ')}, and the options say otherwise (--machine-compat): a QEMU may hang on that, or miss pages`;
}
