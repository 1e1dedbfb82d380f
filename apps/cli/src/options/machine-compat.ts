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
  if (parts.length === 0) {
    const wanted = contradicted(compat, given);
    if (wanted.length === 0) return undefined;
    return `machine type ${machineType}: it wants ${wanted.join(' and ')}, and the options say otherwise (--machine-compat): a QEMU may hang on that, or miss pages`;
  }
  return `machine type ${machineType}: ${parts.join(', ')}; --machine-compat VERSION says otherwise`;
}

/** What a machine type wants and the options do not. They win: a destination of this machine type may hang then, or fail without a word. */
function contradicted(
  compat: MachineCompat,
  { multifdFlushAfterEachSection: flush, zeroPageDetection: detection }: Partial<MigrationParameters>,
): string[] {
  return [
    ...(flush === undefined || flush === compat.multifdFlushAfterEachSection
      ? []
      : [compat.multifdFlushAfterEachSection ? 'a sync with each section' : 'no sync with each section']),
    ...(compat.zeroPageDetection === 'legacy' && detection === 'multifd'
      ? ['zero pages on the main stream (--zero-page-detection legacy)']
      : []),
  ];
}

/**
 * Notes what `compatNote` says.
 * @returns the hint for a failure, if the options contradict the machine type.
 */
export function tellCompat(
  machineType: string,
  given: Partial<MigrationParameters>,
  note: (line: string) => void,
): string | undefined {
  const compat = machineCompat(machineType);
  const line = compatNote(machineType, compat, given);
  if (line !== undefined) note(line);
  if (compat === undefined || contradicted(compat, given).length === 0) return undefined;
  return `the options contradict machine type ${machineType}: leave out --machine-compat and --zero-page-detection, unless they are meant`;
}

/** The error with that hint first, where the destination has closed, or says nothing, without a word of its own. */
export function withCompatHint(error: unknown, contradiction: string | undefined): unknown {
  if (contradiction === undefined || !MultifdError.is(error)) return error;
  const { code, message, hint, guest } = error;
  if ((code !== 'peer-closed' && code !== 'timeout') || message.startsWith('the destination says: '))
    return error;
  return new MultifdError(code, message, {
    cause: error,
    hint: hint === undefined ? contradiction : `${contradiction}; ${hint}`,
    ...(guest === undefined ? {} : { guest }),
  });
}
