import type { MigrationParameters } from '../parameters.js';
import { u32 } from '../wire/bytes.js';
import { COMMAND } from '../wire/layout.js';
import { encodeCommand } from '../wire/main/encode.js';
import { RETURN_PATH_REQUEST } from '../wire/reason.js';
import { PING_HAS_ZERO_RUNS } from '../wire/return-path.js';

/** Value of the PING that QEMU sends right behind OPEN_RETURN_PATH. */
const QEMU_PING = 1;

/**
 * What this end sends to open the return path, and to tell another multifd what it can do (docs/wire.md, 14). A QEMU
 * answers each PING with a PONG, and that is all.
 * @param hasZeroRuns whether the channels of this end can send runs of zero pages.
 */
export function returnPathRequest(
  { returnPath, wire }: Pick<MigrationParameters, 'returnPath' | 'wire'>,
  hasZeroRuns: boolean,
): Uint8Array[] {
  if (!returnPath) return [];
  if (wire === 'qemu') {
    return [encodeCommand(COMMAND.OPEN_RETURN_PATH), encodeCommand(COMMAND.PING, u32(QEMU_PING))];
  }
  return hasZeroRuns
    ? [RETURN_PATH_REQUEST, encodeCommand(COMMAND.PING, u32(PING_HAS_ZERO_RUNS))]
    : [RETURN_PATH_REQUEST];
}
