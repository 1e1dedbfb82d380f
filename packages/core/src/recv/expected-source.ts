import { MultifdError } from '../errors.js';
import { sameBytes } from '../wire/bytes.js';
import type { ConfigurationRecord } from '../wire/main/records.js';

/** What must be the same on both ends. */
export interface ExpectedSource {
  /** Undefined: any. */
  readonly machineType: string | undefined;
  /** 16 bytes. */
  readonly uuid: Uint8Array;
}

/**
 * Checks that a main stream comes from the source that this end expects.
 * @throws MultifdError `incompatible` if machine type or uuid differ.
 */
export function checkConfiguration(
  { machineType, uuid }: ConfigurationRecord,
  expected: ExpectedSource,
  where: string,
): void {
  if (expected.machineType !== undefined && expected.machineType !== machineType) {
    throw differs(where, 'machine type', expected.machineType, machineType);
  }
  if (uuid !== undefined && !sameBytes(uuid, expected.uuid)) {
    throw differs(
      where,
      'uuid',
      Buffer.from(expected.uuid).toString('hex'),
      Buffer.from(uuid).toString('hex'),
    );
  }
}

function differs(where: string, field: string, expected: string, got: string): MultifdError {
  return new MultifdError('incompatible', `${where}: ${field}: expected ${expected}, got ${got}`, {
    hint: `give both ends the same ${field}`,
  });
}
