import { type MigrationParameters, MultifdError } from '@multifd/core';
import { quote } from './sizes.js';

/**
 * What a destination needs whose machine type is of this QEMU version (wire reference 10): up to 8.0 a sync with
 * each section, up to 8.2 zero pages over the main stream.
 *
 * @param text a version (`7.2`), or a machine type that ends in one (`pc-q35-7.2`).
 * @throws MultifdError `usage`
 */
export function parseMachineCompat(text: string): Partial<MigrationParameters> {
  const match = /(?:^|-)(\d+)\.(\d+)$/.exec(text);
  if (match === null) {
    throw new MultifdError('usage', `--machine-compat ${quote(text)}: not a QEMU version`, {
      hint: "give the version of the destination's machine type, as in 7.2 for pc-q35-7.2",
    });
  }
  const version = Number(match[1]) * 1000 + Number(match[2]);
  return {
    ...(version <= 8000 ? { multifdFlushAfterEachSection: true } : {}),
    ...(version <= 8002 ? { zeroPageDetection: 'legacy' as const } : {}),
  };
}
